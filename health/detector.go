// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lateTicks is how many ticks a call may be late before the detector takes the lateness for its own fault.
const lateTicks = 2

// maxPardons is how many late calls are credited to a node between two of its heartbeats.
const maxPardons = 3

// Detector tells from heartbeats which nodes are alive. It belongs to one goroutine.
//
// Doubt yourself first: a call that comes more than two ticks after it was due proves that this process was starved,
// paused or asleep. Heartbeats may lie unread in the meantime, so the lateness, however long, is credited to every node
// and does not count as its silence. What is bounded is how often: between two of its heartbeats a node is pardoned
// three times, so that a process that is starved again and again still finds a dead node.
type Detector struct {
	params DetectorParams
	clock  progress
	peers  []*peer // sorted by name
}

// peer is what the detector remembers of a node.
type peer struct {
	name   string
	boot   uint64
	state  Liveness
	heard  bool
	since  time.Duration // progress at the last heartbeat, or at Watch
	credit time.Duration // our own lateness since then, as far as it is pardoned
	pardon int           // how many late calls make up the credit
}

// NewDetector makes a detector that watches nobody yet. It panics if the parameters do not pass Validate, since no
// detector could keep its promises with them.
func NewDetector(p DetectorParams) *Detector {
	if err := p.Validate(); err != nil {
		panic(fmt.Sprintf("health: detector: %v", err))
	}

	return &Detector{params: p}
}

// Watch begins to expect heartbeats of a node. A node that is never heard becomes suspect like any other: once the
// limit is over, counted from now. Watching a node twice changes nothing.
func (d *Detector) Watch(now time.Time, node string) {
	d.advance(now)
	i, found := d.find(node)
	if found {
		return
	}
	d.peers = slices.Insert(d.peers, i, &peer{name: node, state: Alive, since: d.clock.elapsed})
}

// Forget stops watching a node and forgets all about it.
func (d *Detector) Forget(node string) {
	if i, found := d.find(node); found {
		d.peers = slices.Delete(d.peers, i, i+1)
	}
}

// Beat takes note of a heartbeat. It returns a verdict when the node was suspect and now is alive again, so that a
// recovery need not wait for the next tick. Heartbeats of nodes that are not watched are ignored.
func (d *Detector) Beat(now time.Time, node string, boot uint64) (Verdict, bool) {
	d.advance(now)
	i, found := d.find(node)
	if !found {
		return Verdict{}, false
	}
	p := d.peers[i]
	silence, back := d.clock.elapsed-p.since, p.state == Suspect
	verdict := Verdict{Node: node, Boot: boot, State: Alive, At: now, Silence: silence}
	if back {
		verdict.Reason = recovery(p, boot, silence)
	}
	p.boot, p.state, p.heard = boot, Alive, true
	p.since, p.credit, p.pardon = d.clock.elapsed, 0, 0
	if !back {
		return Verdict{}, false
	}

	return verdict, true
}

// recovery words the return of a node.
func recovery(p *peer, boot uint64, silence time.Duration) string {
	switch {
	case !p.heard:
		return fmt.Sprintf("first heartbeat, %s after we began to listen", silence)
	case p.boot != boot:
		return fmt.Sprintf("heartbeat of a new boot after %s of silence", silence)
	default:
		return fmt.Sprintf("heartbeat after %s of silence", silence)
	}
}

// Tick returns the nodes that became suspect since the last call, sorted by name. Each is named once, until it is
// alive again.
func (d *Detector) Tick(now time.Time) []Verdict {
	d.advance(now)
	var verdicts []Verdict
	for _, p := range d.peers {
		silence := d.clock.elapsed - p.since
		if p.state == Suspect || silence-p.credit <= d.params.Limit() {
			continue
		}
		p.state = Suspect
		verdicts = append(verdicts, Verdict{
			Node: p.name, Boot: p.boot, State: Suspect, At: now, Silence: silence, Reason: d.accusation(p, silence),
		})
	}

	return verdicts
}

// accusation words the silence of a node.
func (d *Detector) accusation(p *peer, silence time.Duration) string {
	var b strings.Builder
	if p.heard {
		fmt.Fprintf(&b, "no heartbeat for %s", silence.Round(time.Millisecond))
	} else {
		fmt.Fprintf(&b, "never heard in %s", silence)
	}
	fmt.Fprintf(&b, ", limit %s (%d beats of %s)", d.params.Limit(), d.params.Missed, d.params.Beat)
	if p.credit > 0 {
		fmt.Fprintf(&b, ", %s of it not counted: we ourselves were late", p.credit)
	}

	return b.String()
}

// State tells what is known of a node. The answer is false for a node that is not watched.
func (d *Detector) State(now time.Time, node string) (Standing, bool) {
	i, found := d.find(node)
	if !found {
		return Standing{}, false
	}
	p := d.peers[i]

	return Standing{State: p.state, Boot: p.boot, Heard: p.heard, Silence: d.clock.at(now) - p.since}, true
}

// Heard names the watched nodes that sent a heartbeat within that time before now, sorted. Credit for our own lateness
// does not count here: whoever asks wants to know who certainly was there.
func (d *Detector) Heard(now time.Time, within time.Duration) []string {
	at := d.clock.at(now)
	var names []string
	for _, p := range d.peers {
		if p.heard && at-p.since <= within {
			names = append(names, p.name)
		}
	}

	return names
}

// Deadline is when Tick must be called next at the latest, so that the caller can sleep. It is the moment at which
// the next node becomes suspect if no heartbeat comes, but not more than two ticks after the last call, because a
// caller that stays away for longer is taken for starved. The answer is false if there is nobody to become suspect.
func (d *Detector) Deadline() (time.Time, bool) {
	var first time.Duration
	waiting := false
	for _, p := range d.peers {
		if p.state == Suspect {
			continue
		}
		// Suspicion asks for more than the limit, hence the nanosecond.
		due := p.since + p.credit + d.params.Limit() + time.Nanosecond
		if !waiting || due < first {
			first, waiting = due, true
		}
	}
	if !waiting {
		return time.Time{}, false
	}

	return d.clock.wall(min(first, d.clock.elapsed+lateTicks*d.params.Tick)), true
}

// advance moves the clock and credits our own lateness to everyone.
func (d *Detector) advance(now time.Time) {
	late := d.clock.advance(now) - d.params.Tick
	if late <= lateTicks*d.params.Tick {
		return
	}
	for _, p := range d.peers {
		if p.pardon < maxPardons {
			p.pardon++
			p.credit += late
		}
	}
}

// find gives the place of a node in the list, or where it belongs.
func (d *Detector) find(node string) (int, bool) {
	return slices.BinarySearchFunc(d.peers, node, func(p *peer, name string) int {
		return strings.Compare(p.name, name)
	})
}
