// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// files is what the checkers know of cluster files.
type files struct {
	asked map[string]cluster.Spec // by the request that brings it
	taken map[string]cluster.Spec // by revision
	knew  map[*machine]uint64     // the newest revision that a machine ever ran
}

func newFiles() files {
	return files{asked: map[string]cluster.Spec{}, taken: map[string]cluster.Spec{}, knew: map[*machine]uint64{}}
}

// replaced: voters change one at a time, and only when no living node goes by an older file (V5).
func (c *checkers) replaced(m *machine, e cluster.Event) {
	f := &c.files
	spec, ok := f.asked[e.By]
	if !ok {
		spec = c.w.spec // the one that the cluster was founded with
	}
	f.taken[e.To] = spec
	was, ok := f.taken[e.From]
	if !ok {
		return
	}
	added, removed := was.VotersChange(spec)
	switch n := len(added) + len(removed); {
	case n == 0:
		return
	case n > 1:
		c.w.violate("voters change one at a time (V5)", "revision %s adds the voters %v and removes %v", e.To, added, removed)
	}
	from, err := strconv.ParseUint(e.From, 10, 64)
	c.w.must(err)
	state := m.core.State()
	for _, o := range c.w.nodes {
		if knew := f.knew[o]; knew > 0 && state.Node(o.name).Life == cluster.LifeAlive && knew < from {
			c.w.violate("voters change when all know the file (V5)", "%s lives, and runs revision %d when %s follows %s", o.name, knew, e.To, e.From)
		}
	}
}

// backing is what a process heard of who stands behind it.
type backing struct {
	boot uint64
	sent []sentBeat          // of its own, the newest last
	said []assent            // heard since the last step
	by   map[string]sentBeat // the newest of its heartbeats that each voter acknowledged, with a file near enough to its own
	told map[string]bus.Seen // what it acknowledged itself last, by node
}

type sentBeat struct {
	seq uint64
	at  time.Time
}

// assent is an acknowledgement, with the revisions of the cluster file that both sides ran.
type assent struct {
	from        string
	seq         uint64
	theirs, own uint64
}

// sentKept is how many of its heartbeats the checkers remember of a process.
const sentKept = 512

// beats takes note of a heartbeat that a process sends. What it acknowledges goes forward (V1), and is no life of which
// it read that it is over, be it before it was started again (V2).
func (c *checkers) beats(from *machine, env bus.Envelope, hb *bus.Heartbeat) {
	b := from.backing
	if b.boot != env.Boot {
		*b = backing{boot: env.Boot, by: map[string]sentBeat{}, told: b.told} // a process may live several lives, one after the other
	}
	if len(b.sent) == 2*sentKept {
		b.sent = slices.Delete(b.sent, 0, sentKept)
	}
	b.sent = append(b.sent, sentBeat{env.Seq, from.now()})
	for _, s := range hb.Seen {
		was, ok := b.told[s.Node]
		if ok && was.Install == s.Install && (s.Boot < was.Boot || s.Boot == was.Boot && s.Seq < was.Seq) {
			c.w.violate("acknowledgements go forward (V1)", "%s acknowledges %s's message %d of life %d, after message %d of life %d",
				from.name, s.Node, s.Seq, s.Boot, was.Seq, was.Boot)
		}
		b.told[s.Node] = s
		at, over := c.record(life{c.w.machine(s.Node), s.Install, s.Boot}).read[from]
		if over && at < c.w.now && from.wiped == 0 { // what one step does, it does in one moment
			c.w.violate("who was called over is not acknowledged again (V2)", "%s acknowledges life %d of %s, and has read that it is over", from.name, s.Boot, s.Node)
		}
	}
}

// assents takes note of what a heartbeat acknowledges of the process that hears it.
func (c *checkers) assents(to *machine, env bus.Envelope, hb *bus.Heartbeat) {
	for _, s := range hb.Seen {
		if s.Node == string(to.name) && s.Install == to.disk.install && s.Boot == to.disk.boot {
			to.backing.said = append(to.backing.said, assent{env.From, s.Seq, hb.Revision, to.core.State().Revision})
		}
	}
}

// weigh takes what was acknowledged in the step that ended, by those who know the cluster file of the node or one next to it.
func (c *checkers) weigh(m *machine) {
	b, ran := m.backing, m.core.State().Revision
	for _, a := range b.said {
		if a.theirs+1 < a.own || a.theirs > ran+1 {
			continue
		}
		for _, s := range slices.Backward(b.sent) {
			if s.seq <= a.seq {
				if s.at.After(b.by[a.from].at) {
					b.by[a.from] = s
				}
				break
			}
		}
	}
	b.said = b.said[:0]
}

// neighbours: only who knows the cluster file of a node, or one next to it, stands behind it: two files further apart may share no
// majority (V5).
func (c *checkers) neighbours(m *machine, since time.Time) {
	b, state := m.backing, m.core.State()
	behind, voters := 0, c.votersOf(state)
	for _, v := range voters {
		if v == m || !b.by[string(v.name)].at.Before(since) {
			behind++
		}
	}
	if behind <= len(voters)/2 {
		c.w.violate("who stands behind a node knows its file (V5)", "%s has authority since %s ago; %d of %d voters acknowledged that with a file next to revision %d",
			m.name, m.now().Sub(since), behind, len(voters), state.Revision)
	}
}

// wants takes note of a cluster file that is asked for.
func (c *checkers) wants(id string, body cluster.Body) {
	if b, ok := body.(cluster.SetSpec); ok {
		c.files.asked[id] = b.Spec
	}
}
