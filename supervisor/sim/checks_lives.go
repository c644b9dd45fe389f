// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// record is what came of one life to the nodes, and what they read about it in the log.
type record struct {
	life
	reached [][]arrival                // by place of the receiver, one for each of its lives
	known   map[*machine]time.Time     // when each read that it is admitted, by its own clock
	read    map[*machine]time.Duration // when each read that it is over, by the clock of the world
	epoch   uint64                     // of its node when it was first read that it is admitted
	over    bool                       // a majority of the voters did, without the node itself
	moment  time.Time                  // when they had, by the clock of the life itself
}

// arrival is the newest message that came to one life of a receiver: when it was sent, by the clock of its sender.
type arrival struct {
	install, boot uint64 // of the receiver
	sent          time.Time
}

// record returns what is known about a life.
func (c *checkers) record(l life) *record {
	of := c.lives[l.node.index]
	for _, r := range slices.Backward(of) {
		if r.life == l {
			return r
		}
	}
	r := &record{life: l, reached: make([][]arrival, len(c.w.machines)), known: map[*machine]time.Time{}, read: map[*machine]time.Duration{}}
	c.lives[l.node.index] = append(of, r)
	return r
}

func (r *record) reach(to *machine, sent time.Time) {
	of := r.reached[to.index]
	if n := len(of); n == 0 || of[n-1].install != to.disk.install || of[n-1].boot != to.disk.boot {
		r.reached[to.index] = append(of, arrival{to.disk.install, to.disk.boot, sent})
	} else if sent.After(of[n-1].sent) {
		of[n-1].sent = sent
	}
}

// behind counts the voters that can have acknowledged a message which was sent at some moment or later: it came to a life of
// theirs of which the sender has read that it is admitted. A node hears itself.
func (c *checkers) behind(r *record, voters []*machine, since time.Time) int {
	n := 0
	for _, v := range voters {
		if v == r.node || slices.ContainsFunc(r.reached[v.index], func(a arrival) bool {
			_, admitted := c.record(life{v, a.install, a.boot}).known[r.node]
			return admitted && !a.sent.Before(since)
		}) {
			n++
		}
	}
	return n
}

// votersOf returns the voters of a state's cluster file.
func (c *checkers) votersOf(state cluster.State) []*machine {
	known, ok := c.voters[state.Revision]
	if !ok {
		for _, v := range state.Spec.Voters() {
			known = append(known, c.w.machine(string(v)))
		}
		c.voters[state.Revision] = known
	}
	return known
}

// number names a message for ever.
type number struct{ install, boot, seq uint64 }

// numbered: no life and no message has the number of an earlier one (S5).
func (c *checkers) numbered(from *machine, env bus.Envelope) {
	was, is := from.number, number{env.Install, env.Boot, env.Seq}
	if was.install == is.install && (is.boot < was.boot || is.boot == was.boot && is.seq <= was.seq) {
		c.w.violate("a number is used once (S5)", "%s sends message %d of life %d after message %d of life %d", from.name, is.seq, is.boot, was.seq, was.boot)
	}
	from.number = is
}

// once: an epoch is given to one change of a node's life, and a request of an operator is carried out at one place of the
// log, however often it is proposed (S5, S7, S9).
func (c *checkers) once(e cluster.Event) {
	given := e.Kind != cluster.EventRecalled && e.Kind != cluster.EventResource
	if given && e.Epoch != 0 && e.Epoch <= c.tokens {
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

// durable: when something is first seen as decided, the disks of a majority have it (S6). It is not asked while the voters
// change, and a majority of those before the last change is as good: a leader with a slow disk may not know of it yet. So is one
// of those who never lost their disk: who did was no voter for a while. What a disk had that was lost counts: it was there when it
// was decided.
func (c *checkers) durable(m *machine, e cluster.Event) {
	kept := slices.DeleteFunc(slices.Clone(m.logged), func(v cluster.NodeID) bool { return c.w.machine(string(v)).wiped > 0 })
	have := func(voters []cluster.NodeID) (n int) {
		for _, v := range voters {
			if m := c.w.machine(string(v)); max(last(m.disk.log), m.wiped) >= e.Index {
				n++
			}
		}
		return n
	}
	for _, voters := range [][]cluster.NodeID{m.logged, m.former, kept} {
		if have(voters) > len(voters)/2 {
			return
		}
	}
	c.w.violate("what is decided is on a majority of disks (S6)", "%s takes entry %d for decided; %d of %d disks have it",
		m.name, e.Index, have(m.logged), len(m.logged))
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
		present := c.record(life{n, st.Install, st.Boot})
		if _, ok := present.known[m]; !ok {
			present.known[m] = m.now()
			present.epoch = cmp.Or(present.epoch, st.Epoch)
		}
		for _, e := range c.lives[n.index] {
			_, knew := e.known[m]
			former := e != present && st.Epoch > e.epoch // who reads his log again knows of lives that it has not come to yet
			if knew && (former || e == present && st.Life != cluster.LifeAlive) {
				c.over(state, n, e, m)
			}
		}
	}
}

// over takes note that a node read that a life is over.
func (c *checkers) over(state cluster.State, n *machine, e *record, m *machine) {
	if _, ok := e.read[m]; ok {
		return
	}
	if e.read[m] = c.w.now; e.over {
		return
	}
	voters, read := c.votersOf(state), 0
	for _, o := range voters {
		if _, ok := e.read[o]; ok && o != n {
			read++ // what the node itself has read keeps nobody from backing it
		}
	}
	if read > len(voters)/2 {
		e.over, e.moment = true, n.now()
	}
}

// authority: whoever says that a majority stands behind him until some moment was heard by one so much earlier (S4), and not
// after a majority had read that his life is over (S3). What was true of one moment remains so.
func (c *checkers) authority(m *machine, until time.Time) {
	if until.Equal(m.backed) || !until.After(m.now()) {
		return
	}
	m.backed = until
	since := until.Add(-c.w.opt.Times.QuorumAge)
	r, voters := c.record(life{m, m.disk.install, m.disk.boot}), c.votersOf(m.core.State())
	if behind := c.behind(r, voters, since.Add(-tolerance)); behind <= len(voters)/2 {
		c.w.violate("authority comes from a majority (S4)", "%s says it has it for %s more; %d of %d voters can have acknowledged it %s ago",
			m.name, until.Sub(m.now()), behind, len(voters), m.now().Sub(since))
	}
	c.neighbours(m, since.Add(-tolerance))
	if r.over && since.After(r.moment.Add(tolerance)) {
		c.w.violate("who was condemned has nobody behind him (S3)", "%s lives on in life %d, and is backed since %s after a majority read that it is over",
			m.name, r.boot, since.Sub(r.moment))
	}
}

// lastWords are the newest words of nodes about their own members, as one process heard them.
type lastWords struct {
	members map[spoken]lastWord
	given   map[cluster.MemberID]cluster.Service // what it gave its balancer to do with them

	admitted map[cluster.NodeID]number // lives that the log has admitted, as far as this node has read it
	over     map[number]bool           // lives of installations in whose place another one was admitted
}

// spoken is a member and the installation of its node that spoke of it, zero for whichever did last. The word of an installation
// counts from when the process has read that it is admitted, be it that it came before; but a process that knows nothing of the
// node yet, as one with a blank disk, goes by what the log says when it has read it.
type spoken struct {
	member  cluster.MemberID
	install uint64
}

type lastWord struct {
	number
	state string
}

func newLastWords() *lastWords {
	return &lastWords{
		members: map[spoken]lastWord{}, given: map[cluster.MemberID]cluster.Service{},
		admitted: map[cluster.NodeID]number{}, over: map[number]bool{},
	}
}

// replaced takes note of which life of a node the log has admitted: an installation in whose place another one was admitted has
// nothing more to say in that life.
func (w *lastWords) replaced(id cluster.NodeID, n cluster.Node) {
	is := number{install: n.Install, boot: n.Boot}
	if was := w.admitted[id]; was.install != 0 && was.install != is.install {
		w.over[was] = true
	}
	w.admitted[id] = is
}

func (w *lastWords) hear(env bus.Envelope, hb *bus.Heartbeat, known bool) {
	if w.over[number{install: env.Install, boot: env.Boot}] {
		return
	}
	for _, h := range hb.Members {
		id := cluster.MemberID{Pool: h.Pool, Member: h.Member}
		was, is := w.members[spoken{id, env.Install}], number{env.Install, env.Boot, env.Seq}
		late := is.boot < was.boot || is.boot == was.boot && is.seq < was.seq
		if h.Member == env.From && h.State != bus.StateUnknown && !late {
			w.members[spoken{id, 0}] = lastWord{is, h.State}
			word := lastWord{number: is}
			if known {
				word.state = h.State
			}
			w.members[spoken{id, env.Install}] = word // what comes later, and was sent before, is late in any case
		}
	}
}

// duties: what a node's own word calls dead is not served again until it says otherwise; what nobody said anything about is
// left alone; and nothing is done on a suspicion by whoever hears no majority himself (S10). In maintenance nothing is done at
// all (S9).
func (c *checkers) duties(m *machine, duties []converge.Duty) {
	words, state := m.words, m.core.State()
	for _, n := range state.Spec.Nodes {
		words.replaced(n.Name, state.Node(n.Name))
	}
	for _, d := range duties {
		if d.Frozen == "" && state.Node(m.name).Mode == cluster.ModeMaintenance {
			c.w.violate("maintenance is left alone (S9)", "%s may change its balancer, and is in maintenance", m.name)
		}
		for _, s := range d.Servers {
			said := words.members[spoken{s.Member, state.Node(cluster.NodeID(s.Member.Member)).Install}]
			_, spoke := words.members[spoken{s.Member, 0}]
			was := words.given[s.Member]
			words.given[s.Member] = s.Service
			switch {
			case d.Frozen != "":
			case s.Service != cluster.Untouched && state.Node(cluster.NodeID(s.Member.Member)).Mode == cluster.ModeMaintenance:
				c.w.violate("maintenance is left alone (S9)", "%s may %s %s, whose node is in maintenance", m.name, s.Service, s.Member)
			case s.Service == cluster.Serve && said.state == bus.StateDown && !words.over[number{install: said.install, boot: said.boot}]:
				c.w.violate("what was called dead stays out (S10)", "%s serves %s: %s", m.name, s.Member, s.Reason)
			case s.Service == cluster.Suspend && (was == "" || was == cluster.Untouched || was == cluster.Serve):
				c.informed(m, s)
			case s.Service == cluster.Out && !spoke:
				c.reasonable(m, s)
			}
		}
	}
}

// informed tells whether a node that suspects another hears a majority itself.
func (c *checkers) informed(m *machine, s converge.Server) {
	voters, heard := c.votersOf(m.core.State()), 0
	for _, o := range voters {
		if o == m || m.now().Sub(m.heard[o.index].at) <= c.w.opt.Times.SuspectAfter {
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
