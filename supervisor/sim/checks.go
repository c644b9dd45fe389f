// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// tolerance is how much arithmetic of clocks may round.
const tolerance = time.Millisecond

// checkers look on. What they promise stands beside each of them; the numbers are those of the safety document.
type checkers struct {
	w        *World
	events   map[place]cluster.Event // what was decided, by place in the log
	acked    []cluster.Event         // what operators were told to be done
	words    map[accusation][]word
	lives    [][]*record           // by place of the node among the machines, in the order in which they were first heard of
	voters   map[uint64][]*machine // of the cluster file, by revision
	specAt   map[string]uint64     // where in the log a revision of it is
	tokens   uint64                // the newest epoch that was given out
	requests map[string]uint64     // where in the log each was carried out
	cluster  string
	leader   cluster.NodeID
	newest   map[*machine]progress
	files    files
}

type place struct {
	index uint64
	n     int
}

// life names one life of a node.
type life struct {
	node          *machine
	install, boot uint64
}

// progress is what must never go back on a node while it keeps its disk.
type progress struct {
	install, epoch, revision, index uint64
	life                            uint32
}

func newCheckers(w *World) *checkers {
	return &checkers{
		w: w, events: map[place]cluster.Event{}, newest: map[*machine]progress{}, voters: map[uint64][]*machine{}, specAt: map[string]uint64{},
		words: map[accusation][]word{}, lives: make([][]*record, len(w.machines)),
		requests: map[string]uint64{}, files: newFiles(),
	}
}

// sent looks at a message as it leaves its node.
func (c *checkers) sent(from *machine, m *core.Message) {
	c.record(life{from, m.Envelope.Install, m.Envelope.Boot}).reach(from, from.now())
	c.numbered(from, m.Envelope)
	switch body := m.Body.(type) {
	case *bus.Vote:
		c.said(from, m.Envelope, body)
		if body.Down {
			c.w.tally.Votes++
			c.justified(from, body)
		}
	case *bus.Heartbeat:
		c.beats(from, m.Envelope, body)
	case bus.Raft, bus.Proposal:
	}
}

// heard takes note of a message that reached a process.
func (c *checkers) heard(to *machine, p *parcel, env bus.Envelope) {
	c.record(life{p.from, env.Install, env.Boot}).reach(to, p.shown)
	if env.Kind == bus.KindRaft {
		return
	}
	for i := range p.messages {
		if p.messages[i].Envelope.Seq != env.Seq {
			continue
		}
		switch body := p.messages[i].Body.(type) {
		case *bus.Vote:
			c.said(to, env, body)
		case *bus.Heartbeat:
			of := installation{p.from.index, env.Install} // what is late is late, whoever was heard in between
			if h := to.heardOf[of]; env.Boot > h.boot || env.Boot == h.boot && env.Seq > h.seq {
				h = sighting{install: env.Install, boot: env.Boot, seq: env.Seq, at: to.now()}
				to.heardOf[of], to.heard[p.from.index] = h, h
			}
			c.assents(to, env, body)
			to.words.hear(env, body, to.core.State().Node(p.from.name).Install != 0)
		case bus.Raft, bus.Proposal:
		}
	}
}

// output looks at what a core asks for after a step.
func (c *checkers) output(m *machine, out *core.Output) {
	for i := range out.Notices {
		c.w.say(string(m.name), out.Notices[i].Kind+" "+out.Notices[i].Subject+": "+out.Notices[i].Reason)
		c.w.told(out.Notices[i])
	}
	for _, n := range out.Notes {
		c.w.say(string(m.name), "logs: "+n.Text)
	}
	c.member(m)
	if len(out.Events) > 0 {
		c.read(m, out.Events)
	}
	c.weigh(m)
	c.authority(m, out.Until)
	if out.NewDuties {
		c.duties(m, out.Duties)
	}
	if l := m.core.Leader(); l == m.name && l != c.leader {
		c.leader = l
		c.w.tally.Leaders++
	}
}

// member: a node belongs to one cluster for good, and so do its disk and its state (S19).
func (c *checkers) member(m *machine) {
	id := m.disk.cluster
	switch state := m.core.State().ID; {
	case id == "":
		return
	case state != "" && state != id:
		c.w.violate("a node belongs to one cluster (S19)", "%s belongs to %s, its state to %s", m.name, id, state)
	case c.cluster != "" && id != c.cluster:
		c.w.violate("a node belongs to one cluster (S19)", "%s belongs to %s, others to %s", m.name, id, c.cluster)
	}
	c.cluster = id
}

// read looks at what a node reads in the log in one step.
func (c *checkers) read(m *machine, events []core.Event) {
	voters := m.core.Voters()
	steady := slices.Equal(m.logged, voters)
	if !steady {
		m.former = m.logged
	}
	m.logged = voters
	for i := range events {
		if e := events[i].Event; c.decided(m, e) && steady {
			c.durable(m, e)
		}
	}
	c.forward(m)
	c.ended(m)
}

// decided: what stands at a place of the log is the same for everybody, for ever (S5, S6, S18). It tells whether nobody had
// read it before.
func (c *checkers) decided(m *machine, e cluster.Event) bool {
	at := place{e.Index, e.N}
	known, ok := c.events[at]
	if ok {
		if known != e {
			c.w.violate("one log (S6, S18)", "at %d.%d %s has %+v, others %+v", e.Index, e.N, m.name, e, known)
		}
		return false
	}
	c.events[at] = e
	c.w.told(cluster.Notice{Event: e})
	c.w.say("LOG", fmt.Sprintf("%d %s %s: %s", e.Index, e.Kind, e.Subject, e.Reason))
	c.once(e)
	c.w.upon(e)
	switch e.Kind {
	case cluster.EventSpec:
		c.specAt[e.To] = e.Index
		c.replaced(m, e)
	case cluster.EventCondemned:
		c.w.tally.Condemned++
		c.condemned(m, e)
	case cluster.EventAdmitted:
		c.w.tally.Admitted++
	}
	return true
}

// forward: epochs, revisions and places in the log never go back on a node that keeps its disk (S5).
func (c *checkers) forward(m *machine) {
	st, was := m.core.State(), c.newest[m]
	is := progress{install: m.disk.install, life: m.life, epoch: st.Epoch, revision: st.Revision, index: st.Index}
	if was.install == is.install && was.life == is.life && (is.epoch < was.epoch || is.revision < was.revision || is.index < was.index) {
		c.w.violate("nothing goes back (S5)", "%s: from %+v to %+v", m.name, was, is)
	}
	c.newest[m] = is
	c.files.knew[m] = max(c.files.knew[m], st.Revision)
}

// acknowledged keeps what an operator was told to be done, which is decided by then; see kept.
func (c *checkers) acknowledged(r asked, out cluster.Outcome) {
	c.acked = append(c.acked, out.Events...)
	c.kept()
	if len(out.Events) == 0 {
		c.w.violate("nothing acknowledged is lost (S6)", "%s is told that %s is done, and nothing was decided", r.on.name, out.ID)
		return
	}
	spec, ok := r.body.(cluster.SetSpec)
	if from := out.Events[0].From; ok && spec.IfRevision != nil && from != fmt.Sprint(*spec.IfRevision) {
		c.w.violate("a file replaces the one it was made from (S6)", "one for revision %d replaces revision %s", *spec.IfRevision, from)
	}
}

// kept: what was acknowledged is in the log of everybody (S6).
func (c *checkers) kept() {
	for _, e := range c.acked {
		if known, ok := c.events[place{e.Index, e.N}]; !ok || known != e {
			c.w.violate("nothing acknowledged is lost (S6)", "%+v", e)
			return
		}
	}
}

// command: a balancer is changed only by a node behind which a majority stands, in a life that was admitted (S10, S12).
func (c *checkers) command(m *machine, op lbsync.Op) {
	c.w.tally.Commands++
	c.w.say(string(m.name), "tells its balancer "+op.String()+": "+op.Why)
	state := m.core.State()
	me := state.Node(m.name)
	if me.Install != m.disk.install || me.Boot != m.disk.boot || me.Life != cluster.LifeAlive {
		c.w.violate("only an admitted life acts (S11)", "%s, in life %d, does %s; admitted is life %d (%s)", m.name, m.disk.boot, op, me.Boot, me.Life)
	}
	voters := c.votersOf(state)
	behind := c.behind(c.record(life{m, m.disk.install, m.disk.boot}), voters, m.now().Add(-c.w.opt.Times.QuorumAge-tolerance))
	if mode := state.Node(cluster.NodeID(op.Key.Server)).Mode; me.Mode == cluster.ModeMaintenance || mode == cluster.ModeMaintenance {
		c.w.violate("maintenance is left alone (S9)", "%s does %s; the mode of the node is %s, of the member's %s", m.name, op, me.Mode, mode)
	}
	if behind <= len(voters)/2 {
		c.w.violate("no quorum, no change (S10, S12)", "%s does %s; %d of %d voters can have heard it lately", m.name, op, behind, len(voters))
	}
}

// commanded: what we do never takes a backend under its drain floor, unless an operator said so by force (S10).
func (c *checkers) commanded(m *machine, d converge.Duty, p lbsync.Plan) {
	floor, after := d.Floors[poolName], m.proxy.serving()
	if after >= floor {
		return
	}
	taken := 0
	for _, op := range p.Ops {
		if op.Kind == lbsync.OpDrain || op.Kind == lbsync.OpMaint {
			taken++
		}
	}
	for _, s := range d.Servers {
		if s.Force {
			return
		}
	}
	if was := m.proxy.before; after < was && taken > 0 {
		c.w.violate("the drain floor holds (S10)", "%s leaves %d of %d servers in service, the floor is %d", m.name, after, was, floor)
	}
}
