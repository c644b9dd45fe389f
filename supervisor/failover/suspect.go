// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/quorum"
)

func (m *Machine) verdict(now time.Time, v health.Verdict) []Action {
	id := cluster.NodeID(v.Node)
	m.verdicts[id] = v
	at, known := slices.BinarySearch(m.silent, id)
	switch {
	case v.State == health.Suspect && !known:
		m.silent = slices.Insert(m.silent, at, id)
	case v.State != health.Suspect && known:
		m.silent = slices.Delete(m.silent, at, at+1)
	}
	if v.State == health.Suspect {
		return append([]Action{Explain{KindSuspect, v.Node, v.Reason}}, m.vote(now)...)
	}
	delete(m.held, id)
	var out []Action
	if _, ok := m.accepted[id]; ok {
		delete(m.accepted, id)
		out = append(out, Explain{KindHeard, v.Node, v.Reason})
	}
	if _, ok := m.cast[id]; ok {
		delete(m.cast, id)
		out = append(out, m.castOne(now, id, takenBack))
	}
	return out
}

// suspects returns the nodes that our detector suspects in the life that is
// admitted: one that we have heard, or had the time to hear. What a detector
// says about a node that was admitted a moment ago is about its former life.
func (m *Machine) suspects(now time.Time) []cluster.NodeID {
	var out []cluster.NodeID
	for _, id := range m.silent {
		n := m.state.Node(id)
		if n.Life != cluster.LifeAlive || id == m.self {
			continue
		}
		if rep, ok := m.newest(life{id, n.Install}); (ok && rep.boot == n.Boot) || m.known(now, id) {
			out = append(out, id)
		}
	}
	return out
}

// known tells whether the node's present life is known for so long that we would
// have heard it.
func (m *Machine) known(now time.Time, id cluster.NodeID) bool {
	l, ok := m.lives[id]
	return ok && now.Sub(l.at) >= m.p.SuspectAfter
}

// accept decides which suspicions may be acted upon. One that came while we
// heard no majority waits: who hears nobody has lost his own network.
func (m *Machine) accept(now time.Time, heardNow []cluster.NodeID) []Action {
	var out []Action
	for _, id := range m.suspects(now) {
		if _, ok := m.accepted[id]; ok {
			continue
		}
		if m.freshMajority(heardNow) {
			m.accepted[id] = m.verdicts[id].Reason
			if m.held[id] {
				delete(m.held, id)
				out = append(out, Explain{KindSuspect, string(id), m.accepted[id]})
			}
			continue
		}
		if !m.held[id] {
			m.held[id] = true
			out = append(out, Explain{KindHeld, string(id), "no majority of voters was heard just now, so nothing is changed on this suspicion"})
		}
	}
	return out
}

// alone tells whether those whom we do not suspect are no majority.
func (m *Machine) alone() bool {
	n := 0
	for _, v := range m.voters {
		if _, silent := slices.BinarySearch(m.silent, cluster.NodeID(v)); !silent {
			n++
		}
	}
	return n < quorum.Majority(len(m.voters))
}

func (m *Machine) freshMajority(heardNow []cluster.NodeID) bool {
	n := 0
	for _, v := range m.voters {
		if id := cluster.NodeID(v); id == m.self || slices.Contains(heardNow, id) {
			n++
		}
	}
	return n >= quorum.Majority(len(m.voters))
}

// vote casts or repeats our votes against the nodes that we suspect. Whoever heard no majority a while ago has lost his own
// network: when it is back, some are heard before others.
func (m *Machine) vote(now time.Time) []Action {
	if me, ok := m.state.Spec.Node(m.self); !ok || !me.Votes() {
		return nil
	}
	if !m.deaf.IsZero() && now.Sub(m.deaf) < m.p.Holiday {
		return nil
	}
	var out []Action
	for _, id := range m.suspects(now) {
		if last, ok := m.cast[id]; ok && now.Sub(last) < m.p.Beat {
			continue
		}
		m.cast[id] = now
		out = append(out, m.castOne(now, id, isDown))
	}
	return out
}

// word is what a vote of ours says.
type word uint8

const (
	isDown    word = iota // we do not hear it
	takenBack             // an earlier vote is taken back
)

func (m *Machine) castOne(now time.Time, target cluster.NodeID, w word) Action {
	n := m.state.Node(target)
	v := Vote{Target: target, Install: n.Install, Boot: n.Boot, Epoch: n.Epoch, Down: w == isDown, Seq: m.seq}
	m.count(now, VoteCast{Voter: m.self, Install: m.install, Boot: m.boot, Vote: v})
	return CastVote{v}
}
