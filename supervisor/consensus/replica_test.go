// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// chaos runs a cluster under everything at once and returns the trace of what happened.
func chaos(t *testing.T, seed uint64, ids ...uint64) uint32 {
	t.Helper()
	n := cluster(t, seed, ids...)
	for round := range 6 {
		n.faults = faults{drop: n.rng.IntN(30), repeat: n.rng.IntN(30), delay: n.rng.IntN(60), corrupt: n.rng.IntN(5), crash: n.rng.IntN(3)}
		switch round % 3 {
		case 1:
			n.isolate(ids[n.rng.IntN(len(ids))])
		case 2:
			a, b := ids[n.rng.IntN(len(ids))], ids[n.rng.IntN(len(ids))]
			n.cut[[2]uint64{a, b}] = true
		}
		for range 150 {
			n.step()
			n.propose()
			if n.chance(1) {
				n.crash(n.hosts[ids[n.rng.IntN(len(ids))]])
			}
		}
		n.converge()
	}
	if n.crashes == 0 || len(n.committed) < 50 {
		t.Fatalf("an idle run: %d crashes, %d entries", n.crashes, len(n.committed))
	}
	return n.trace
}

func TestChaosKeepsTheLogAndRepeats(t *testing.T) {
	for _, ids := range [][]uint64{{1, 2, 3}, {1, 2, 3, 4, 5}} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprint(len(ids), " replicas, seed ", seed), func(t *testing.T) {
				first := chaos(t, seed, ids...)
				if seed%4 == 0 {
					if again := chaos(t, seed, ids...); again != first {
						t.Fatalf("trace %08x, then %08x", first, again)
					}
				}
			})
		}
	}
}

func TestFounderLeadsAlone(t *testing.T) {
	n := newNetwork(t, 1)
	h := n.found(1)
	if err := h.replica.Campaign(); err != nil {
		t.Fatal(err)
	}
	n.until("leader", 5, func() bool { return h.replica.Status().IsLeader })
	n.propose()
	n.until("committed", 5, func() bool { return h.machine.count == 1 })
}

func TestLeaderAloneStepsDown(t *testing.T) {
	n := cluster(t, 2, 1, 2, 3)
	old := n.leader()
	n.isolate(old.id)
	n.until("old leader down", 25, func() bool { return !old.replica.Status().IsLeader })
	n.until("new leader", 60, func() bool { h := n.leader(); return h != nil && h != old })
	if err := old.replica.Propose([]byte("late")); !errors.Is(err, consensus.ErrNotLeader) {
		t.Fatalf("old leader: %v", err)
	}
	n.converge()
}

func TestStuckDiskCostsLeadership(t *testing.T) {
	n := cluster(t, 3, 1, 2, 3)
	old := n.leader()
	old.stuck = true
	n.propose()
	n.until("old leader down", 30, func() bool { s := old.replica.Status(); return !s.IsLeader && s.Stalled })
	n.until("new leader", 60, func() bool { h := n.leader(); return h != nil && h != old })
	for range 100 {
		n.step()
		if old.replica.Status().IsLeader {
			t.Fatal("a replica without a disk leads again")
		}
	}
	n.converge()
}

func TestJoinFromBlank(t *testing.T) {
	n := cluster(t, 4, 1)
	for range 50 {
		n.propose()
		n.step()
	}
	n.blank(2)
	for range 30 {
		n.step()
	}
	if s := n.hosts[2].replica.Status(); s.Term != 0 || s.Leader != 0 {
		t.Fatalf("a blank replica stirs: %+v", s)
	}
	n.grow(1, 2)
	n.converge()
	if node, ok := n.hosts[2].replica.Status().Node(1); !ok || node != "n1" {
		t.Fatalf("the new voter knows 1 as %q", node)
	}
}

func TestWipedNodeReturnsWithNewID(t *testing.T) {
	n := cluster(t, 5, 1, 2, 3)
	n.until("leader", 100, func() bool { return n.leader() != nil })
	if n.leader().id == 3 {
		if err := n.leader().replica.Transfer(1); err != nil {
			t.Fatal(err)
		}
		n.until("transfer", 100, func() bool { h := n.leader(); return h != nil && h.id == 1 })
	}
	delete(n.hosts, 3)
	n.blank(103) // node n3 again
	n.grow(1, 2, 103)
	n.converge()
}

func TestLeaderRemovesItselfLast(t *testing.T) {
	n := cluster(t, 6, 1, 2, 3)
	old := n.leader()
	var rest []uint64
	for _, id := range []uint64{1, 2, 3} {
		if id != old.id {
			rest = append(rest, id)
		}
	}
	n.grow(rest...)
	if s := old.replica.Status(); s.IsLeader {
		t.Fatalf("the removed leader still leads: %+v", s)
	}
	delete(n.hosts, old.id)
	n.converge()
}

func TestOneChangeAtATime(t *testing.T) {
	n := cluster(t, 7, 1, 2, 3)
	h := n.leader()
	add := func(id uint64) error {
		return h.replica.ChangeVoters(consensus.Change{Kind: consensus.AddLearner, ID: id, Node: "new"})
	}
	if err := add(8); err != nil {
		t.Fatal(err)
	}
	if err := add(9); !errors.Is(err, consensus.ErrPending) {
		t.Fatalf("second change: %v", err)
	}
	n.until("applied", 50, func() bool { return !h.replica.Status().Pending })
	for _, c := range []consensus.Change{
		{Kind: consensus.AddLearner, ID: 8, Node: "new"},
		{Kind: consensus.AddLearner, ID: 0, Node: "new"},
		{Kind: consensus.AddLearner, ID: 9},
		{Kind: consensus.Promote, ID: 1, Node: "n1"},
		{Kind: consensus.Promote, ID: 8, Node: "other"},
		{Kind: consensus.Remove, ID: 77, Node: "n77"},
		{Kind: 9, ID: 1, Node: "n1"},
	} {
		if err := h.replica.ChangeVoters(c); !errors.Is(err, consensus.ErrChange) {
			t.Errorf("%s: %v", c, err)
		}
	}
	for _, id := range n.ids() {
		if other := n.hosts[id]; other != h {
			if err := other.replica.ChangeVoters(consensus.Change{Kind: consensus.Remove, ID: 8, Node: "new"}); !errors.Is(err, consensus.ErrNotLeader) {
				t.Errorf("follower %d: %v", id, err)
			}
		}
	}
}

func TestLargeSnapshotCrossesALossyNetwork(t *testing.T) {
	n := newNetwork(t, 8)
	h := n.found(1)
	n.until("leader", 60, func() bool { return n.leader() != nil })
	h.machine.pad = 9 << 20
	for range 60 {
		n.propose()
		n.step()
	}
	n.blank(2)
	n.faults = faults{drop: 20, repeat: 20, delay: 40, corrupt: 2}
	n.grow(1, 2)
	if got := n.hosts[2].machine.pad; got != 9<<20 {
		t.Fatalf("the state arrived with %d bytes", got)
	}
	n.converge()
}

func TestLostSnapshotIsSentAgain(t *testing.T) {
	n := cluster(t, 9, 1)
	n.blank(2)
	h := n.leader()
	if err := h.replica.ChangeVoters(consensus.Change{Kind: consensus.AddLearner, ID: 2, Node: "n2"}); err != nil {
		t.Fatal(err)
	}
	restoring := func() bool {
		peers := h.replica.Status().Peers
		return len(peers) == 1 && peers[0].Restoring
	}
	n.until("snapshot under way", 100, restoring)
	n.mail = nil
	h.replica.ReportSnapshotLost(2)
	if restoring() {
		t.Fatal("still under way after it was reported lost")
	}
	n.converge()
}

func TestProposalLimits(t *testing.T) {
	n := cluster(t, 10, 1)
	h := n.leader()
	if err := h.replica.Propose(nil); !errors.Is(err, consensus.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if err := h.replica.Propose(make([]byte, consensus.ProposalBytesMax+1)); !errors.Is(err, consensus.ErrTooLarge) {
		t.Errorf("large: %v", err)
	}
	h.stuck = true
	var err error
	for range 100 {
		if err = h.replica.Propose(make([]byte, consensus.ProposalBytesMax)); err != nil {
			break
		}
		n.drain(h)
	}
	if !errors.Is(err, consensus.ErrDropped) {
		t.Errorf("without a disk: %v", err)
	}
	h.stuck = false
	n.converge()
}

// TestFramesFitTheBus fills a cluster with the largest proposals and looks at every frame.
func TestFramesFitTheBus(t *testing.T) {
	n := cluster(t, 11, 1, 2, 3)
	n.isolate(3)
	n.until("leader", 100, func() bool { return n.leader() != nil && n.leader().id != 3 })
	h := n.leader()
	for range 10 {
		if err := h.replica.Propose(make([]byte, consensus.ProposalBytesMax)); err != nil {
			t.Fatal(err)
		}
		n.step()
	}
	clear(n.cut)
	for range 50 {
		for _, p := range n.mail {
			if len(p.data) > consensus.FrameBytesMax {
				t.Fatalf("a frame of %d bytes", len(p.data))
			}
		}
		n.step()
	}
	n.converge()
}

func TestSnapshotOnlyOfTheAppliedState(t *testing.T) {
	n := cluster(t, 12, 1)
	h := n.leader()
	at := h.machine.index
	for _, index := range []uint64{0, at - 1, at + 1} {
		if err := h.replica.Snapshot(index, nil); !errors.Is(err, consensus.ErrNotApplied) {
			t.Errorf("at %d of %d: %v", index, at, err)
		}
	}
	if err := h.replica.Snapshot(at, make([]byte, consensus.SnapshotBytesMax)); !errors.Is(err, consensus.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for range 2 {
		if err := h.replica.Snapshot(at, h.machine.encode()); err != nil {
			t.Error(err)
		}
	}
	n.converge()
	r, err := h.disk.Load()
	if err != nil || r.Snapshot.Index != at {
		t.Fatalf("disk: %v, %v", r.Snapshot, err)
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	good := consensus.Config{ID: 1, Cluster: testCluster, ElectionTicks: 10, HeartbeatTicks: 1}
	for name, edit := range map[string]func(*consensus.Config){
		"no id":       func(c *consensus.Config) { c.ID = 0 },
		"raft's id":   func(c *consensus.Config) { c.ID = ^uint64(0) },
		"no cluster":  func(c *consensus.Config) { c.Cluster = "" },
		"no interval": func(c *consensus.Config) { c.HeartbeatTicks = 0 },
		"no timeout":  func(c *consensus.Config) { c.ElectionTicks = 1 },
	} {
		c := good
		edit(&c)
		if _, err := consensus.New(c, consensus.Restored{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	snap := &consensus.Snapshot{Index: 5, Term: 2, Members: []consensus.Member{{ID: 1, Node: "n1", Role: consensus.RoleVoter}}}
	for name, r := range map[string]consensus.Restored{
		"entries without snapshot": {Entries: []consensus.Entry{{Index: 1, Term: 1}}, Hard: consensus.HardState{Term: 1}},
		"gap":                      {Snapshot: snap, Entries: []consensus.Entry{{Index: 7, Term: 2}}, Hard: consensus.HardState{Term: 2, Commit: 5}},
		"term falls":               {Snapshot: snap, Entries: []consensus.Entry{{Index: 6, Term: 1}}, Hard: consensus.HardState{Term: 2, Commit: 5}},
		"old hard state":           {Snapshot: snap, Hard: consensus.HardState{Term: 1, Commit: 5}},
		"commit in the air":        {Snapshot: snap, Hard: consensus.HardState{Term: 2, Commit: 6}},
		"commit before snapshot":   {Snapshot: snap, Hard: consensus.HardState{Term: 2, Commit: 4}},
		"unknown kind":             {Snapshot: snap, Entries: []consensus.Entry{{Index: 6, Term: 2, Kind: 7}}, Hard: consensus.HardState{Term: 2, Commit: 5}},
	} {
		if _, err := consensus.New(good, r); !errors.Is(err, consensus.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusNamesEverybody(t *testing.T) {
	n := cluster(t, 13, 1, 2, 3)
	n.converge()
	for _, id := range n.ids() {
		s := n.hosts[id].replica.Status()
		if !slices.Equal(s.Voters(), []uint64{1, 2, 3}) || s.Leader != n.leader().id {
			t.Errorf("%d: %+v", id, s)
		}
		if h := n.hosts[id]; h.leader != s.Leader || n.leaders[s.Term] != s.Leader {
			t.Errorf("%d was told that %d leads, and all were told of %d; it is %d", id, h.leader, n.leaders[s.Term], s.Leader)
		}
		for _, m := range s.Members {
			if m.Node != nodeName(m.ID) || m.Role != consensus.RoleVoter {
				t.Errorf("%d: %+v", id, m)
			}
		}
	}
}

func BenchmarkPropose(b *testing.B) {
	r, err := consensus.New(consensus.Config{ID: 1, Cluster: testCluster, ElectionTicks: 10, HeartbeatTicks: 1}, foundedBy(b, 1))
	if err != nil {
		b.Fatal(err)
	}
	turn := func() {
		for {
			out, more := r.Ready()
			if !more {
				return
			}
			if out.Append != nil {
				r.Appended(out.Append)
			}
			if k := len(out.Committed); k > 0 {
				r.Applied(out.Committed[k-1].Index)
			}
			if s := r.Status(); out.WantSnapshot {
				if err := r.Snapshot(s.Applied, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	if err := r.Campaign(); err != nil {
		b.Fatal(err)
	}
	turn()
	data := make([]byte, 200)
	for b.Loop() {
		if err := r.Propose(data); err != nil {
			b.Fatal(err)
		}
		turn()
	}
}
