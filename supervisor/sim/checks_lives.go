// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// ending is what nodes read in the log about one life.
type ending struct {
	life
	known  map[*machine]time.Time // when each read that it is admitted, by its own clock
	read   map[*machine]bool      // who read that it is over
	over   bool                   // a majority of the voters did, without the node itself
	moment time.Time              // when they had, by the clock of the life itself
}

// number names a message for ever.
type number struct{ install, boot, seq uint64 }

// numbered: no life and no message has the number of an earlier one (S5).
func (c *checkers) numbered(from *machine, env bus.Envelope) {
	was, is := c.numbers[from], number{env.Install, env.Boot, env.Seq}
	if was.install == is.install && (is.boot < was.boot || is.boot == was.boot && is.seq <= was.seq) {
		c.w.violate("a number is used once (S5)", "%s sends message %d of life %d after message %d of life %d", from.name, is.seq, is.boot, was.seq, was.boot)
	}
	c.numbers[from] = is
}

// once: an epoch is given to one change of a node's life, and a request of an operator is carried out at one place of the
// log, however often it is proposed (S5, S7, S9).
func (c *checkers) once(e cluster.Event) {
	if e.Epoch != 0 && e.Epoch <= c.tokens {
		c.w.violate("a number is used once (S5)", "%s of %s has epoch %d, after epoch %d", e.Kind, e.Subject, e.Epoch, c.tokens)
	}
	c.tokens = max(c.tokens, e.Epoch)
	if !strings.HasPrefix(e.By, "op-") {
		return
	}
	if at, ok := c.requests[e.By]; ok && at != e.Index {
		c.w.violate("a request is carried out once (S7, S9)", "%s is carried out at %d and at %d", e.By, at, e.Index)
	}
	c.requests[e.By] = e.Index
}

// durable: when something is first seen as decided, the disks of a majority have it (S6). While the voters change, it may
// have been decided by the former ones.
func (c *checkers) durable(m *machine, e cluster.Event) {
	voters, have := m.core.Voters(), 0
	same := slices.Equal(c.voters, voters)
	if c.voters = voters; !same {
		return
	}
	for _, v := range voters {
		if last(c.w.machine(string(v)).disk.log) >= e.Index {
			have++
		}
	}
	if have <= len(voters)/2 {
		c.w.violate("what is decided is on a majority of disks (S6)", "%s takes entry %d for decided; %d of %d disks have it", m.name, e.Index, have, len(voters))
	}
}

// last is the index of the last entry of a log.
func last(r consensus.Restored) uint64 {
	var at uint64
	if r.Snapshot != nil {
		at = r.Snapshot.Index
	}
	return at + uint64(len(r.Entries))
}

// ended takes note of the lives that a node reads about.
func (c *checkers) ended(m *machine) {
	state := m.core.State()
	for _, n := range c.w.nodes {
		st := state.Node(n.name)
		present := c.ending(life{string(n.name), st.Install, st.Boot})
		if _, ok := present.known[m]; !ok {
			present.known[m] = m.now()
		}
		for _, e := range c.lives[n.index] {
			_, knew := e.known[m]
			former := e != present && (st.Install != e.install || st.Boot > e.boot)
			if knew && (former || e == present && st.Life != cluster.LifeAlive) {
				c.over(state, n, e, m)
			}
		}
	}
}

// ending returns what is known about the end of a life.
func (c *checkers) ending(l life) *ending {
	at := c.w.machine(l.node).index
	for _, e := range c.lives[at] {
		if e.life == l {
			return e
		}
	}
	e := &ending{life: l, known: map[*machine]time.Time{}, read: map[*machine]bool{}}
	c.lives[at] = append(c.lives[at], e)
	return e
}

// over takes note that a node read that a life is over.
func (c *checkers) over(state cluster.State, n *machine, e *ending, m *machine) {
	if e.over || e.read[m] {
		return
	}
	e.read[m] = true
	voters, read := state.Spec.Voters(), 0
	for _, v := range voters {
		if o := c.w.machine(string(v)); o != n && e.read[o] {
			read++ // what the node itself has read keeps nobody from backing it
		}
	}
	if read > len(voters)/2 {
		e.over, e.moment = true, n.now()
	}
}

// authority: whoever says that a majority stands behind him until some moment was heard by one so much earlier (S4), and not
// after a majority had read that his life is over (S3).
func (c *checkers) authority(m *machine, until time.Time) {
	if !until.After(m.now()) {
		return
	}
	since := until.Add(-c.w.opt.Times.QuorumAge)
	l := life{string(m.name), m.disk.install, m.disk.boot}
	voters, behind := m.core.State().Spec.Voters(), 0
	for _, v := range voters {
		o := c.w.machine(string(v))
		if r, ok := c.reached[l][o]; o == m || ok && !r.sent.Before(since.Add(-tolerance)) {
			behind++
		}
	}
	if behind <= len(voters)/2 {
		c.w.violate("authority comes from a majority (S4)", "%s says it has it for %s more; %d of %d voters can have heard it %s ago",
			m.name, until.Sub(m.now()), behind, len(voters), m.now().Sub(since))
	}
	if e := c.ending(l); e.over && since.After(e.moment.Add(tolerance)) {
		c.w.violate("who was condemned has nobody behind him (S3)", "%s lives on in life %d, and is backed since %s after a majority read that it is over",
			m.name, l.boot, since.Sub(e.moment))
	}
}

// lastWords are the newest words of nodes about their own members, as one process heard them.
type lastWords struct {
	life      uint32
	members   map[cluster.MemberID]lastWord
	suspended map[cluster.MemberID]bool
}

type lastWord struct {
	number
	state string
}

func (c *checkers) lastWords(m *machine) *lastWords {
	if w := c.last[m]; w == nil || w.life != m.life {
		c.last[m] = &lastWords{m.life, map[cluster.MemberID]lastWord{}, map[cluster.MemberID]bool{}}
	}
	return c.last[m]
}

func (w *lastWords) hear(env bus.Envelope, hb *bus.Heartbeat) {
	for _, h := range hb.Members {
		id := cluster.MemberID{Pool: h.Pool, Member: h.Member}
		was, is := w.members[id], number{env.Install, env.Boot, env.Seq}
		late := was.install == is.install && (is.boot < was.boot || is.boot == was.boot && is.seq < was.seq)
		if h.Member == env.From && h.State != bus.StateUnknown && !late {
			w.members[id] = lastWord{is, h.State}
		}
	}
}

// duties: what a node's own word calls dead is not served again until it says otherwise; what nobody said anything about is
// left alone; and nothing is done on a suspicion by whoever hears no majority himself (S10). In maintenance nothing is done at
// all (S9).
func (c *checkers) duties(m *machine, duties []converge.Duty) {
	words, state := c.lastWords(m), m.core.State()
	for _, d := range duties {
		if d.Frozen == "" && state.Node(m.name).Mode == cluster.ModeMaintenance {
			c.w.violate("maintenance is left alone (S9)", "%s may change its balancer, and is in maintenance", m.name)
		}
		for _, s := range d.Servers {
			said, spoke := words.members[s.Member]
			switch {
			case d.Frozen != "":
			case s.Service != cluster.Untouched && state.Node(cluster.NodeID(s.Member.Member)).Mode == cluster.ModeMaintenance:
				c.w.violate("maintenance is left alone (S9)", "%s may %s %s, whose node is in maintenance", m.name, s.Service, s.Member)
			case s.Service == cluster.Serve && said.state == bus.StateDown:
				c.w.violate("what was called dead stays out (S10)", "%s serves %s: %s", m.name, s.Member, s.Reason)
			case s.Service == cluster.Suspend && !words.suspended[s.Member]:
				c.informed(m, s)
			case s.Service == cluster.Out && !spoke:
				c.reasonable(m, s)
			}
			words.suspended[s.Member] = s.Service == cluster.Suspend
		}
	}
}

// informed tells whether a node that suspects another hears a majority itself.
func (c *checkers) informed(m *machine, s converge.Server) {
	voters, heard := m.core.State().Spec.Voters(), 0
	for _, v := range voters {
		o := c.w.machine(string(v))
		if h, ok := m.heard[o]; o == m || ok && m.now().Sub(h.at) <= c.w.opt.Times.SuspectAfter {
			heard++
		}
	}
	if heard <= len(voters)/2 {
		c.w.violate("no news is no bad news (S10)", "%s hears %d of %d voters, and suspends %s: %s", m.name, heard, len(voters), s.Member, s.Reason)
	}
}

// reasonable tells whether somebody decided what takes a member out of which its node never spoke.
func (c *checkers) reasonable(m *machine, s converge.Server) {
	state := m.core.State()
	member, node := state.Member(s.Member), state.Node(cluster.NodeID(s.Member.Member))
	if member.Condition != cluster.Down && member.Admin == cluster.AdminReady && node.Life != cluster.LifeDown {
		c.w.violate("unknown is not down (S10)", "%s takes %s out: %s", m.name, s.Member, s.Reason)
	}
}
