// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Params are the machine's times. All come from the timing profile.
type Params struct {
	Beat         time.Duration // interval of heartbeats; votes are repeated at it
	VoteTTL      time.Duration // a vote that is not repeated runs out
	SuspectAfter time.Duration // silence after which a node is not counted as heard
	Retry        time.Duration // a proposal without effect is made again
	Holiday      time.Duration // for how long whoever heard no majority casts no votes: the others may be back later than the first of them
}

// Machine is the judgement of one node. It belongs to one owner.
type Machine struct {
	self    cluster.NodeID
	install uint64
	boot    uint64
	p       Params

	leads    bool
	lifeOver bool
	seq      uint64 // of our own newest heartbeat

	state    cluster.State
	lives    map[cluster.NodeID]learned
	voters   []string                 // of state.Spec, sorted
	members  []cluster.Member         // of state.Spec
	electors [][]cluster.NodeID       // by place in members, who can speak about it
	speaks   map[cluster.NodeID][]int // by node, the places in members about which it can speak
	swept    time.Time                // when all members were last looked at
	planned  time.Time                // when it was last worked out who should hold what

	verdicts map[cluster.NodeID]health.Verdict
	silent   []cluster.NodeID          // suspect by the verdicts, sorted
	accepted map[cluster.NodeID]string // suspicions acted upon, with their reason
	held     map[cluster.NodeID]bool   // suspicions we explained not to act upon
	cast     map[cluster.NodeID]time.Time
	deaf     time.Time                                      // when we last suspected so many that the rest is no majority
	votes    map[cluster.NodeID]map[cluster.NodeID]castVote // by target, by voter
	reports  []heard                                        // sorted by life
	fit      map[fitting]time.Time                          // since when
	failed   map[fitting]failure                            // lately
	proposed map[wish]pending
	told     map[string]time.Time // explanations, so that they are not repeated all the time
}

// learned tells when we first read of a life in the log.
type learned struct {
	epoch uint64
	at    time.Time
}

// New returns the machine of the node self in the life that install and boot name.
func New(self cluster.NodeID, install, boot uint64, p Params) *Machine {
	return &Machine{
		self: self, install: install, boot: boot, p: p, state: cluster.New(""),
		lives: map[cluster.NodeID]learned{}, verdicts: map[cluster.NodeID]health.Verdict{},
		accepted: map[cluster.NodeID]string{}, held: map[cluster.NodeID]bool{}, cast: map[cluster.NodeID]time.Time{},
		votes: map[cluster.NodeID]map[cluster.NodeID]castVote{}, failed: map[fitting]failure{},
		proposed: map[wish]pending{}, told: map[string]time.Time{},
	}
}

// Reborn tells the machine that the node began a new life.
func (m *Machine) Reborn(boot uint64) { m.boot, m.seq, m.lifeOver = boot, 0, false }

// Step takes one event and answers what is to be done.
func (m *Machine) Step(now time.Time, ev Event) []Action {
	switch ev := ev.(type) {
	case Tick:
		return m.tick(now, ev.Heard)
	case Verdict:
		return append(m.verdict(now, ev.Verdict), m.leadNodes(now)...)
	case VoteCast:
		m.count(now, ev)
		return m.leadNodes(now)
	case Report:
		return m.heartbeat(now, ev)
	case Committed:
		return append(m.committed(now, ev.State), m.lead(now)...)
	case LeaderChanged:
		m.leads = ev.Leads
		clear(m.proposed)
		return m.lead(now)
	}
	return nil
}

// tick looks at what the passing of time alone changes.
func (m *Machine) tick(now time.Time, heardNow []cluster.NodeID) []Action {
	if m.Doubts() && m.alone() {
		m.deaf = now
	}
	out, votes := m.accept(now, heardNow), m.vote(now)
	if out = append(out, votes...); len(votes) > 0 {
		out = append(out, m.leadNodes(now)...)
	}
	return append(out, m.sweep(now)...)
}

// heartbeat takes a report and looks at what it can have changed.
func (m *Machine) heartbeat(now time.Time, r Report) []Action {
	w := m.report(now, r)
	if w == nothing || !m.leads {
		return nil
	}
	if w == sameAsBefore {
		return m.leadHeard(now, r) // what it means for others is looked at with the next tick
	}
	out := append(m.leadNodes(now), m.strange(now, r)...)
	out = append(out, m.leadMembers(now, m.speaks[r.Node])...)
	return append(out, m.resources(now)...)
}

// Doubts tells whether there is anybody whom our detector suspects: if not, a Tick need not say who was heard.
func (m *Machine) Doubts() bool { return len(m.silent) > 0 }

// Suspects returns the suspicions to act upon, with their reasons.
func (m *Machine) Suspects() map[cluster.NodeID]string { return maps.Clone(m.accepted) }

func (m *Machine) committed(now time.Time, s cluster.State) []Action {
	if s.Revision != m.state.Revision {
		m.index(s.Spec)
	}
	m.state = s
	m.learn(now)
	maps.DeleteFunc(m.proposed, func(_ wish, p pending) bool { return p.settled(s) })
	me := s.Node(m.self)
	if me.Life == cluster.LifeDown && me.Install == m.install && me.Boot == m.boot && !m.lifeOver {
		m.lifeOver = true
		return []Action{NewLife{fmt.Sprintf("this life was condemned in epoch %d: %s", me.Epoch, me.Reason)}}
	}
	return nil
}

// index works out what rests on the cluster file alone.
func (m *Machine) index(spec cluster.Spec) {
	m.voters = cluster.Names(spec.Voters())
	m.members = spec.Members()
	m.electors = make([][]cluster.NodeID, len(m.members))
	m.speaks = map[cluster.NodeID][]int{}
	for i, mem := range m.members {
		m.electors[i] = []cluster.NodeID{mem.Node}
		if mem.Agentless() {
			m.electors[i] = spec.BalancerNodes(mem.Pool)
		}
		for _, n := range m.electors[i] {
			m.speaks[n] = append(m.speaks[n], i)
		}
	}
}

// learn takes note of new lives and forgets what was about those that are over.
func (m *Machine) learn(now time.Time) {
	for _, n := range m.state.Spec.Nodes {
		epoch := m.state.Node(n.Name).Epoch
		if l, ok := m.lives[n.Name]; !ok || l.epoch != epoch {
			m.lives[n.Name] = learned{epoch, now}
		}
	}
	suspects := m.suspects(now)
	notAlive := func(id cluster.NodeID) bool { return m.state.Node(id).Life != cluster.LifeAlive }
	gone := func(id cluster.NodeID) bool {
		_, ok := m.state.Spec.Node(id)
		return !ok
	}
	maps.DeleteFunc(m.accepted, func(id cluster.NodeID, _ string) bool { return !slices.Contains(suspects, id) })
	maps.DeleteFunc(m.held, func(id cluster.NodeID, _ bool) bool { return notAlive(id) })
	maps.DeleteFunc(m.cast, func(id cluster.NodeID, _ time.Time) bool { return notAlive(id) })
	maps.DeleteFunc(m.lives, func(id cluster.NodeID, _ learned) bool { return gone(id) })
	maps.DeleteFunc(m.verdicts, func(id cluster.NodeID, _ health.Verdict) bool { return gone(id) })
	m.silent = slices.DeleteFunc(m.silent, gone)
	maps.DeleteFunc(m.votes, func(id cluster.NodeID, _ map[cluster.NodeID]castVote) bool { return gone(id) })
}
