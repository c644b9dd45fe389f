// SPDX-License-Identifier: Apache-2.0

package core

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// paced is a node of the lan profile that does nothing but keep time.
type paced struct {
	pacer
	beats, pulses []time.Time
}

func newPaced(start time.Time) *paced {
	return &paced{pacer: pacer{
		beat: 100 * time.Millisecond, pulse: 50 * time.Millisecond, slack: 10 * time.Millisecond,
		lastPulse: start, lastBeat: start,
	}}
}

// look does what the loop does when it looks at its clock.
func (p *paced) look(now time.Time) {
	beat := p.beatDue(now)
	if p.pulseDue(now) {
		p.pulsed(now)
		p.pulses = append(p.pulses, now)
	}
	if beat {
		p.beaten(now)
		p.beats = append(p.beats, now)
	}
}

// TestPacerFollows: wherever in its period a node starts, after two seconds each
// of its beats comes with the leader's, and it wakes up twice in a beat.
func TestPacerFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1000, 0)
		leader := newPaced(start)
		node := newPaced(start.Add(time.Duration(rapid.IntRange(0, 99).Draw(t, "phase")) * time.Millisecond))
		wakes := 0
		for leader.due().Before(start.Add(4 * time.Second)) {
			if own := node.due(); own.Before(leader.due()) {
				node.look(own)
				wakes++
				continue
			}
			now := leader.due()
			leader.look(now)
			if leader.lastBeat.Equal(now) {
				node.lead(now)
			}
			if node.joined {
				node.look(now)
				wakes++
			}
			if now.Sub(start) <= 2*time.Second {
				wakes = 0
			} else if !node.lastBeat.Equal(leader.lastBeat) {
				t.Fatalf("after %s the leader beat at %s, the node at %s", now.Sub(start), leader.lastBeat.Sub(start), node.lastBeat.Sub(start))
			}
		}
		if wakes > 41 {
			t.Fatalf("%d wakes in 2 s", wakes)
		}
	})
}

// TestPacerKeepsTime: whatever the leader does, no two beats are further apart
// than a beat and the slack, raft's clock never runs at more than twice its
// speed, and a node without a leader keeps its own time.
func TestPacerKeepsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1000, 0)
		p := newPaced(start)
		led := rapid.SliceOf(rapid.IntRange(0, 150)).Draw(t, "between the leader's beats, ms")
		for now := start; now.Before(start.Add(3 * time.Second)); {
			next := p.due()
			if len(led) > 0 {
				if at := now.Add(time.Duration(led[0]) * time.Millisecond); at.Before(next) {
					led = led[1:]
					next = at
					p.lead(at)
				}
			}
			now = next
			p.look(now)
		}
		most := func(at []time.Time) (least, most time.Duration) {
			least = time.Hour
			for i := 1; i < len(at); i++ {
				least, most = min(least, at[i].Sub(at[i-1])), max(most, at[i].Sub(at[i-1]))
			}
			return least, most
		}
		if short, long := most(p.beats); long > p.beat+p.slack || short < p.beat/2 {
			t.Fatalf("beats are %s to %s apart", short, long)
		}
		if short, long := most(p.pulses); short < p.pulse/2 || long > p.pulse*3/2+p.slack {
			t.Fatalf("pulses are %s to %s apart", short, long)
		}
	})
}
