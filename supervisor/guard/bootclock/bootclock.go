// SPDX-License-Identifier: Apache-2.0

package bootclock

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// Now reads the boot clock. Should the kernel refuse, which no Linux does, it is later than any deadline.
func Now() guard.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return guard.Never
	}
	return guard.Instant(ts.Nano())
}

const (
	// noise is by how much two samples may differ while the machine did not sleep. Samples err by the time between two
	// readings, always to the early side.
	noise = 100 * time.Microsecond
	// offsetsMax is how many offsets are remembered. Each stands for a sleep, or for a sample that was better than those
	// before by more than the noise.
	offsetsMax = 16
)

// Clock turns moments of the monotonic clock into instants of the boot clock. It is not safe for concurrent use.
type Clock struct {
	start   time.Time
	offsets []offset // ascending in both
}

// offset is by how much the boot clock is ahead of the monotonic one, at least, from a moment on.
type offset struct {
	from  time.Duration // of the monotonic clock, since start
	ahead guard.Instant
}

// NewClock returns a clock that knows how the two clocks stand now.
func NewClock() *Clock {
	c := &Clock{start: time.Now()}
	c.Sample()
	return c
}

// Sample notes how the two clocks stand. It is to be called before whatever a right is counted from: each heartbeat.
func (c *Clock) Sample() {
	boot := Now() // first: an interruption before the second reading makes the offset smaller
	c.sample(boot, time.Since(c.start))
}

func (c *Clock) sample(boot guard.Instant, mono time.Duration) {
	ahead := boot.Add(-mono)
	if n := len(c.offsets); n > 0 && ahead <= c.offsets[n-1].ahead.Add(noise) {
		return
	}
	if len(c.offsets) == offsetsMax {
		c.offsets = append(c.offsets[:0], c.offsets[1:]...)
	}
	c.offsets = append(c.offsets, offset{mono, ahead})
}

// Until returns when a right ends that began at a moment, which must have a monotonic reading, and lasts so long. It is zero,
// no right at all, when the moment is older than what the clock remembers.
func (c *Clock) Until(since time.Time, lasts time.Duration) guard.Instant {
	mono := since.Sub(c.start)
	for _, o := range slices.Backward(c.offsets) {
		if mono >= o.from {
			return o.ahead.Add(mono).Add(lasts)
		}
	}
	return 0
}
