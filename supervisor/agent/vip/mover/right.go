// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sleptMin is how long the machine must have slept for it to be noticed. Two readings of the clocks differ by the time that
	// passes between them, which is microseconds unless the process is kept from running.
	sleptMin = 10 * time.Millisecond
	// napMax is the longest time between two readings of the boot clock while a command runs: the timers of a process stand still
	// while the machine sleeps, and the boot clock does not.
	napMax = 200 * time.Millisecond
)

// right is until when this node may act. It may be used by several goroutines.
type right struct {
	mu           sync.Mutex
	since, until time.Time
	broken       bool // it ran out since it was last asked for
	// ahead is by how much the boot clock is ahead of the monotonic one, at least; woke is when it was last found to have gained.
	start time.Time
	ahead time.Duration
	woke  time.Time
}

func newRight() *right {
	boot := bootTime()
	return &right{start: time.Now(), ahead: boot}
}

// bootTime reads the boot clock. Should the kernel refuse, which no Linux does, the machine seems to have slept for ever.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return math.MaxInt64
	}
	return time.Duration(ts.Nano())
}

// look notes whether the machine slept, and whether the right ran out.
func (r *right) look() time.Time {
	boot := bootTime() // before the other reading: whoever is interrupted between them sees too small a lead
	now := time.Now()
	r.note(now, boot-now.Sub(r.start))
	return now
}

func (r *right) note(now time.Time, ahead time.Duration) {
	if ahead > r.ahead+sleptMin {
		r.woke = now
	}
	r.ahead = max(r.ahead, ahead)
	r.broken = r.broken || !now.Before(r.end())
}

// end is the moment from which on nothing begins; a machine that slept since the right was founded has none.
func (r *right) end() time.Time {
	if r.since.Before(r.woke) {
		return time.Time{}
	}
	return r.until
}

// set replaces the right. It tells whether that is news for who waits for it to end, or to come.
func (r *right) set(since, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.look()
	before := r.end()
	r.since, r.until = since, until
	after := r.end()
	return after.Before(before) || now.Before(after) && r.broken
}

// read returns the time and the end of the right. Broken tells, once, that it ran out since the last reading.
func (r *right) read() (now, until time.Time, broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = r.look()
	broken, r.broken = r.broken, false
	return now, r.end(), broken
}

// over tells whether nothing may begin now.
func (r *right) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.look()
	return !now.Before(r.end())
}
