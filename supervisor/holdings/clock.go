// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

const (
	// noise is by how much two samples may differ while the machine did not sleep. Samples err by the time between two
	// readings, always to the early side.
	noise = 100 * time.Microsecond
	// offsetsMax is how many offsets are remembered. Each stands for a sleep, or for a sample that was better than those
	// before by more than the noise.
	offsetsMax = 16
)

// Clock turns moments of the monotonic clock, which the core goes by, into instants of the boot clock, which the guard goes by.
// The two run alike, but for the time that the machine sleeps, which only the boot clock counts: a right that was earned before a
// sleep has run out after it, whatever the monotonic clock says (rule N7 of the arithmetic of rights).
//
// What comes out is never later than what is true. It is not safe for concurrent use.
type Clock struct {
	start   time.Time
	offsets []offset // ascending in both
}

// offset is by how much the boot clock is ahead of the monotonic one, at least, from a moment on.
type offset struct {
	from  time.Duration // of the monotonic clock, since start
	ahead guard.Instant
}

// NewClock returns a clock that knows how the two clocks stand at present: see Sample.
func NewClock(boot guard.Instant, now time.Time) *Clock {
	c := &Clock{start: now}
	c.Sample(boot, now)
	return c
}

// Sample notes how the two clocks stand. It is to be called before whatever a right is counted from: each heartbeat. The boot
// clock must be read first: an interruption before the second reading makes what comes out earlier.
func (c *Clock) Sample(boot guard.Instant, now time.Time) {
	mono := now.Sub(c.start)
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
