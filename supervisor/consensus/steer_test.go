// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// until runs the world until the condition holds, within a generous number of ticks.
func (n *network) until(what string, ticks int, cond func() bool) {
	n.t.Helper()
	for range ticks {
		if cond() {
			return
		}
		n.step()
	}
	for _, id := range n.ids() {
		n.t.Logf("%d: %+v", id, n.hosts[id].replica.Status())
	}
	n.t.Fatalf("not within %d ticks: %s", ticks, what)
}

// leader returns the host that leads the highest term, or nil.
func (n *network) leader() *host {
	var best *host
	var term uint64
	for _, id := range n.ids() {
		if s := n.hosts[id].replica.Status(); s.IsLeader && s.Term > term {
			best, term = n.hosts[id], s.Term
		}
	}
	return best
}

// propose offers a fresh proposal to whoever leads; it may well be refused.
func (n *network) propose() bool {
	h := n.leader()
	if h == nil {
		return false
	}
	n.proposed++
	err := h.replica.Propose(fmt.Appendf(nil, "p%d", n.proposed))
	n.drain(h)
	return err == nil
}

// grow makes the wanted set the voters, step by step.
func (n *network) grow(want ...uint64) {
	n.t.Helper()
	var voters []consensus.Seat
	for _, id := range want {
		voters = append(voters, consensus.Seat{ID: id, Node: nodeName(id)})
	}
	n.until(fmt.Sprint("voters ", want), 3000, func() bool {
		h := n.leader()
		if h == nil {
			return false
		}
		s := h.replica.Status()
		if c, ok := consensus.NextChange(s, voters); ok {
			if err := h.replica.ChangeVoters(c); err != nil {
				n.t.Fatalf("tick %d: %s: %v", n.now, c, err)
			}
			n.drain(h)
		}
		return slices.Equal(s.Voters(), want) && len(s.Learners()) == 0 && !s.Pending
	})
}

// isolate cuts a host from all others, both ways.
func (n *network) isolate(id uint64) {
	for _, other := range n.ids() {
		n.cut[[2]uint64{id, other}], n.cut[[2]uint64{other, id}] = true, true
	}
}

func (n *network) heal() {
	clear(n.cut)
	n.faults = faults{}
	for _, h := range n.hosts {
		h.stuck = false
	}
}

// converge heals everything and demands one leader, and one state everywhere.
func (n *network) converge() {
	n.t.Helper()
	n.heal()
	goal, start := uint64(0), n.now
	n.until("converged", 2000, func() bool {
		// A proposal may be lost with its leader, so that a new one is needed now and then.
		if goal == 0 || (n.now-start)%200 == 199 {
			if h := n.leader(); h != nil && n.propose() {
				goal = h.replica.Status().LastIndex
			}
			return false
		}
		var index uint64
		for i, id := range n.ids() {
			at := n.hosts[id].machine.index
			if at < goal || (i > 0 && at != index) {
				return false
			}
			index = at
		}
		return true
	})
}

// cluster founds the first id and adds the others.
func cluster(t *testing.T, seed uint64, ids ...uint64) *network {
	t.Helper()
	n := newNetwork(t, seed)
	n.found(ids[0])
	for _, id := range ids[1:] {
		n.blank(id)
	}
	n.grow(ids...)
	// A change of voters counts where it is applied, so everybody has to hear that it is committed.
	n.converge()
	return n
}
