// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// blank is n1 with an empty disk and a cluster file, if there is one.
func blank(t *testing.T, file *cluster.Spec) *alone {
	t.Helper()
	return start(t, core.Config{Bootstrap: file, FoundAs: "c-new"}, core.Identity{Install: 1, Boot: 1}, core.Held{})
}

// hears is a heartbeat of a node of the named cluster, or of none.
func (a *alone) hears(node, clusterID string) {
	a.t.Helper()
	in := a.from(node, &bus.Heartbeat{})
	in.Envelope.Cluster = clusterID
	a.step(0, in)
}

func inOrder(names ...cluster.NodeID) *cluster.Spec {
	s := threeNodes()
	nodes := s.Nodes
	s.Nodes = nil
	for _, name := range names {
		s.Nodes = append(s.Nodes, nodes[slices.IndexFunc(nodes, func(n cluster.NodeSpec) bool { return n.Name == name })])
	}
	return &s
}

func TestFounding(t *testing.T) {
	file := inOrder("n1", "n2", "n3", "n4")
	for name, c := range map[string]struct {
		file *cluster.Spec
		play func(*alone)
		want bool
	}{
		"a majority is blank":           {file, func(a *alone) { a.hears("n2", "") }, true},
		"nobody is heard":               {file, func(*alone) {}, false},
		"no cluster file":               {nil, func(a *alone) { a.hears("n2", "") }, false},
		"another is the first voter":    {inOrder("n2", "n1", "n3", "n4"), func(a *alone) { a.hears("n2", "") }, false},
		"who has no vote is first":      {inOrder("n4", "n1", "n2", "n3"), func(a *alone) { a.hears("n2", "") }, true},
		"only who has no vote is blank": {file, func(a *alone) { a.hears("n4", "") }, false},
		"only a stranger is blank":      {file, func(a *alone) { a.hears("n9", "") }, false},
		"the other has a cluster":       {file, func(a *alone) { a.hears("n2", "c9") }, false},
		"a cluster is heard besides":    {file, func(a *alone) { a.hears("n2", ""); a.hears("n3", "c9") }, false},
		"the blank one fell silent": {file, func(a *alone) {
			a.hears("n2", "")
			a.hears("n3", "c9") // which keeps us from founding for a minute
			a.pass(time.Minute)
		}, false},
		"the other cluster fell silent": {file, func(a *alone) {
			a.hears("n3", "c9")
			a.pass(time.Minute)
			a.hears("n2", "")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := blank(t, c.file)
			c.play(a)
			a.pass(lan.SuspectAfter + lan.Pulse)
			if got := len(a.jobs) > 0; got != c.want {
				t.Fatalf("founds: %t, want %t", got, c.want)
			}
		})
	}
}

// TestFoundingIsDoneOnce follows a founding to its end: it waits until everybody could have been heard, orders one thing of the
// disk, however long that takes, and leads at once.
func TestFoundingIsDoneOnce(t *testing.T) {
	a := blank(t, inOrder("n1", "n2", "n3", "n4"))
	a.hears("n2", "")
	a.pass(lan.SuspectAfter - lan.Pulse)
	if len(a.jobs) > 0 {
		t.Fatalf("hasty: %+v", a.jobs)
	}
	for range 5 {
		a.pass(lan.Beat)
		a.hears("n2", "")
	}
	if len(a.jobs) != 1 {
		t.Fatalf("orders: %+v", a.jobs)
	}
	join := a.jobs[0].(core.Join)
	if join.Cluster != "c-new" || join.Founding == nil {
		t.Fatalf("ordered: %+v", join)
	}
	log, err := consensus.Restored{}.Append(join.Founding)
	if err != nil {
		t.Fatal(err)
	}
	a.step(0, core.Joined{Cluster: join.Cluster, Log: log})
	a.pass(lan.Beat)
	if a.Leader() != "n1" || len(a.State().Spec.Nodes) != 4 {
		t.Fatalf("%q leads, the file has %d nodes", a.Leader(), len(a.State().Spec.Nodes))
	}

	// A crash came before the id was on the disk: the founding is taken up again as it was.
	again := start(t, core.Config{Bootstrap: inOrder("n1", "n2", "n3", "n4"), FoundAs: "c-other"}, core.Identity{Install: 1, Boot: 2}, core.Held{Log: log})
	again.hears("n2", "")
	again.pass(lan.SuspectAfter + lan.Pulse)
	if len(again.jobs) != 1 || again.jobs[0] != (core.Join{Cluster: "c-new"}) {
		t.Fatalf("ordered: %+v", again.jobs)
	}
}

// invitation is a frame of the leader of a cluster, who lets an installation in.
func invitation(t *testing.T, clusterID string, install uint64) bus.Raft {
	t.Helper()
	log, err := consensus.Restored{}.Append(consensus.Found(consensus.Founder{ID: 2, Node: "n2"}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := consensus.New(consensus.Config{ID: 2, Cluster: clusterID, ElectionTicks: 8, HeartbeatTicks: 2}, log)
	if err != nil {
		t.Fatal(err)
	}
	frame := func() bus.Raft {
		for out, more := r.Ready(); more; out, more = r.Ready() {
			if out.Append != nil {
				r.Appended(out.Append)
			}
			if k := len(out.Committed); k > 0 {
				r.Applied(out.Committed[k-1].Index)
			}
			if len(out.Send) > 0 {
				return out.Send[0].Data
			}
		}
		return nil
	}
	if err := r.Campaign(); err != nil {
		t.Fatal(err)
	}
	frame()
	if err := r.ChangeVoters(consensus.Change{Kind: consensus.AddLearner, ID: install, Node: "n1"}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if f := frame(); f != nil {
			return f
		}
		r.Tick()
	}
	t.Fatal("no invitation")
	return nil
}

// TestInvitations: a blank node belongs for ever to the first cluster whose leader lets this very installation in.
func TestInvitations(t *testing.T) {
	for name, c := range map[string]struct {
		cluster string // of the frame
		says    string // cluster of the message around it
		install uint64
		want    bool
	}{
		"for this installation":       {"c7", "c7", 1, true},
		"for a former installation":   {"c7", "c7", 11, false},
		"of another cluster inside":   {"c8", "c7", 1, false},
		"of a node without a cluster": {"c7", "", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := blank(t, nil)
			in := a.from("n2", invitation(t, c.cluster, c.install))
			in.Envelope.Cluster = c.says
			a.step(time.Millisecond, in)
			if got := len(a.jobs) > 0; got != c.want {
				t.Fatalf("joins: %t, want %t", got, c.want)
			}
			later := a.from("n2", invitation(t, "c9", 1))
			later.Envelope.Cluster = "c9"
			a.step(time.Millisecond, later)
			if len(a.jobs) != 1 || c.want && a.jobs[0].(core.Join).Cluster != c.cluster {
				t.Fatalf("a later one: %+v", a.jobs)
			}
		})
	}
}

// TestNoInvitationWhileFounding: whoever began to found a cluster has a log of its own, and joins no other.
func TestNoInvitationWhileFounding(t *testing.T) {
	log, err := consensus.Restored{}.Append(consensus.Found(consensus.Founder{ID: 1, Node: "n1", Data: []byte(`{"id":"c-new"}`)}))
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 2}, core.Held{Log: log})
	in := a.from("n2", invitation(t, "c7", 1))
	in.Envelope.Cluster = "c7"
	a.step(time.Millisecond, in)
	if len(a.jobs) > 0 {
		t.Fatalf("joins: %+v", a.jobs)
	}
}

// TestLogComesLater: a node whose disk has the id of its cluster and no log yet, after a crash between the two, answers its leader.
func TestLogComesLater(t *testing.T) {
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 2}, core.Held{Cluster: "c7"})
	a.hears("n2", "c7")
	in := a.from("n2", invitation(t, "c7", 1))
	in.Envelope.Cluster = "c7"
	a.step(time.Millisecond, in)
	if len(a.jobs) > 0 {
		t.Fatalf("joins: %+v", a.jobs)
	}
	if a.frames == 0 {
		t.Fatal("it does not answer")
	}
}

// TestDamagedFounding: a log of no cluster, which is not the first state of one, is damage, and nothing is founded on it.
func TestDamagedFounding(t *testing.T) {
	first := func(data string) consensus.Restored {
		log, err := consensus.Restored{}.Append(consensus.Found(consensus.Founder{ID: 1, Node: "n1", Data: []byte(data)}))
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	for name, log := range map[string]consensus.Restored{
		"no state at all": {Hard: consensus.HardState{Term: 1, Vote: 1}},
		"no JSON":         first("c-new"),
		"no id":           first("{}"),
	} {
		if _, err := core.New(time.Unix(1000, 0), core.Config{Name: "n1", Times: lan}, core.Identity{Install: 1, Boot: 2}, core.Held{Log: log}); !errors.Is(err, consensus.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
