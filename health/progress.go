// SPDX-License-Identifier: Apache-2.0

package health

import "time"

// progress is a clock that only goes forward. It adds up the forward steps of the readings it is given; a reading that
// is older than the one before counts as no time at all, and time goes on from there. So a wall clock that is set back
// by an hour costs nothing, where merely refusing older readings would blind us for that hour.
type progress struct {
	last    time.Time
	elapsed time.Duration
	started bool
}

// advance takes a reading and returns how much time went by since the one before.
func (p *progress) advance(now time.Time) time.Duration {
	step := p.since(now)
	p.last, p.started = now, true
	p.elapsed += step

	return step
}

// at is the progress at a reading that is not kept.
func (p *progress) at(now time.Time) time.Duration {
	return p.elapsed + p.since(now)
}

// since is the time from the last reading to now, never negative.
func (p *progress) since(now time.Time) time.Duration {
	if !p.started {
		return 0
	}

	return max(0, now.Sub(p.last))
}

// wall translates a moment of progress back to a reading of the caller's clock.
func (p *progress) wall(moment time.Duration) time.Time {
	return p.last.Add(moment - p.elapsed)
}
