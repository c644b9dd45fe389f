// SPDX-License-Identifier: Apache-2.0

package core

import "time"

// pacer decides when the node looks at its clock and when it beats. Waking up is
// what an idle node pays for most, so everything regular happens together: raft's
// clock ticks at every pulse, some pulses are beats, and the nodes beat together,
// right after their leader, whose beat then finds them all at work anyway.
type pacer struct {
	beat, pulse, slack time.Duration

	lastPulse, lastBeat time.Time
	led                 time.Time // when the leader was heard last
	joined              bool      // the leader has just beaten, and so shall we
}

// lead takes note of a heartbeat of the leader: we join in, unless we have only
// just beaten.
func (p *pacer) lead(now time.Time) {
	p.led = now
	p.joined = p.joined || now.Sub(p.lastBeat) >= p.beat/2
}

// beatAt is when the next heartbeat is due. A node that has a leader waits a
// little longer for the leader's, which moves the two together beat by beat.
func (p *pacer) beatAt() time.Time {
	at := p.lastBeat.Add(p.beat)
	if p.lastBeat.Sub(p.led) < p.beat {
		at = at.Add(p.slack)
	}
	return at
}

// newsAt is when a heartbeat with news may go: many of them may come at once.
func (p *pacer) newsAt() time.Time { return p.lastBeat.Add(p.slack) }

// due is when the node must look at its clock next. A pulse that is due about
// when a beat is goes with the beat.
func (p *pacer) due() time.Time {
	pulse, beat := p.lastPulse.Add(p.pulse), p.beatAt()
	if early := p.lastBeat.Sub(p.lastPulse); early > 0 && early < p.pulse/2 {
		pulse = pulse.Add(early) // the pulses move to the beats
	}
	if beat.Before(pulse.Add(p.pulse / 2)) {
		return beat
	}
	return pulse
}

func (p *pacer) beatDue(now time.Time) bool { return p.joined || !now.Before(p.beatAt()) }

// pulseDue tells whether raft's clock ticks now. What was missed while the
// process stood still is not made up for: nobody may be voted out for our pause.
func (p *pacer) pulseDue(now time.Time) bool {
	since := now.Sub(p.lastPulse)
	return since >= p.pulse || (since >= p.pulse/2 && p.beatDue(now))
}

func (p *pacer) pulsed(now time.Time) { p.lastPulse = now }

func (p *pacer) beaten(now time.Time) { p.lastBeat, p.joined = now, false }
