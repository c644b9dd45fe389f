// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// accusation is what one node says about a life, as another node hears it.
type accusation struct {
	heardBy, by *machine
	about       life
}

// pardoned is how many pulses a process is kept from running before its detector takes the silence for its own fault.
const pardoned = 3

// word is a vote that came to a node. Numbers order the words of one installation, however they came.
type word struct {
	number
	down bool
	at   time.Time // by the clock of who heard it
}

// said keeps a vote that came to a node, or was cast by it.
func (c *checkers) said(to *machine, env bus.Envelope, v *bus.Vote) {
	a := accusation{to, c.w.machine(env.From), life{c.w.machine(v.Target), v.TargetInstall, v.TargetBoot}}
	c.words[a] = append(c.words[a], word{number{env.Install, env.Boot, env.Seq}, v.Down, to.now()})
}

// justified: nobody says that a life is over who heard it within the time that makes a node suspect, or could not have
// heard it for so long (S8). What lies unread before a process that was kept from running for longer than a busy machine
// may keep it counts as heard, unless the silence had nearly lasted long enough before, or the word was given before and is
// only repeated.
func (c *checkers) justified(from *machine, v *bus.Vote) {
	target := c.w.machine(v.Target)
	if target == nil {
		c.w.violate("votes speak about nodes (S8)", "%s votes about %q", from.name, v.Target)
		return
	}
	l := life{target, v.TargetInstall, v.TargetBoot}
	since := from.began
	if e := c.record(l); e.known[from].After(since) {
		since = e.known[from]
	}
	if h := from.heard[target.index]; h.install == l.install && h.boot == l.boot && h.at.After(since) {
		since = h.at
	}
	for _, p := range from.inbox {
		if p.from == target && p.beats(l) && from.now().Sub(from.stopped) > pardoned*c.w.opt.Times.Pulse && from.stopped.Sub(since)+c.w.opt.Times.Pulse < c.w.opt.Times.SuspectAfter && !c.accuses(from, l) {
			since = from.now()
		}
	}
	if silence := from.now().Sub(since); silence < c.w.opt.Times.SuspectAfter-tolerance {
		c.w.violate("a vote is justified (S8)", "%s says that life %d of %s is over, and heard it %s ago", from.name, l.boot, v.Target, silence)
	}
}

// accuses tells whether a process has said that a life is over, and not taken it back. The word that it is saying now is
// the last one that is kept.
func (c *checkers) accuses(from *machine, l life) bool {
	words := c.words[accusation{from, from, l}]
	if len(words) < 2 {
		return false
	}
	before := words[len(words)-2]
	return before.down && !before.at.Before(from.began)
}

// beats tells whether a life says with the parcel that it is there.
func (p *parcel) beats(l life) bool {
	for i := range p.messages {
		if e := &p.messages[i].Envelope; e.Kind == bus.KindHeartbeat && e.Install == l.install && e.Boot == l.boot {
			return true
		}
	}
	return false
}

// condemned: a life ends by the word of a majority of voters, each of whom said so to the leader lately, and did not take
// it back (S8).
func (c *checkers) condemned(m *machine, e cluster.Event) {
	state := m.core.State()
	st := state.Node(cluster.NodeID(e.Subject))
	if st.Life != cluster.LifeDown || st.Epoch != e.Epoch {
		return // this node is further in the log already; the life is not known here any more
	}
	if at, ok := c.specAt[fmt.Sprint(state.Revision)]; !ok || at > e.Index {
		return // nor is the file by whose voters it was counted
	}
	dead, leader := c.w.machine(e.Subject), c.w.machine(e.By)
	l := life{dead, st.Install, st.Boot}
	voters, voted := c.votersOf(state), 0
	for _, v := range voters {
		if v != dead && c.held(accusation{leader, v, l}, e.At) {
			voted++
		}
	}
	if voted <= len(voters)/2 {
		c.w.violate("a majority condemns (S8)", "%s condemns %s in life %d; %d of %d voters say so then", e.By, e.Subject, st.Boot, voted, len(voters))
	}
	var last time.Time
	for i, arrivals := range c.record(l).reached {
		for _, a := range arrivals {
			if i != dead.index && a.sent.After(last) {
				last = a.sent
			}
		}
	}
	if !last.IsZero() && !dead.acts() {
		c.w.tally.Condemning = max(c.w.tally.Condemning, dead.now().Sub(last))
	}
}

// held tells whether an accusation stood when the wall clock of who heard it showed a time, in milliseconds since 1970.
func (c *checkers) held(a accusation, at int64) bool {
	return slices.ContainsFunc(a.heardBy.clock.walls, func(wrong time.Duration) bool {
		since := time.Duration(at)*time.Millisecond - time.Duration(epoch) - wrong
		return c.holds(a, a.heardBy.clock.zero.Add(since))
	})
}

// holds tells whether an accusation stands at a time: it came within the time for which votes hold, and was not taken
// back. Commands carry milliseconds, hence the tolerance.
func (c *checkers) holds(a accusation, at time.Time) bool {
	words := c.words[a]
	for _, w := range slices.Backward(words) {

		if w.at.After(at.Add(tolerance)) {
			continue
		}
		if at.Sub(w.at) > c.w.opt.Times.VoteTTL+tolerance {
			return false
		}
		if w.down && !takenBack(words, w, at) {
			return true
		}
	}
	return false
}

func takenBack(words []word, w word, at time.Time) bool {
	for _, o := range words {
		later := o.install == w.install && (o.boot > w.boot || o.boot == w.boot && o.seq > w.seq)
		if later && !o.down && o.at.Before(at) {
			return true
		}
	}
	return false
}
