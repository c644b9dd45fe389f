// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// lan are the times of the lan profile.
var lan = core.Times{
	Profile: "lan", Beat: 100 * time.Millisecond, Missed: 3, Pulse: 50 * time.Millisecond, Slack: 10 * time.Millisecond,
	SuspectAfter: 300 * time.Millisecond, VoteTTL: 300 * time.Millisecond, FreshWithin: 150 * time.Millisecond,
	QuorumAge: 500 * time.Millisecond, StartGrace: 3 * time.Second, ElectionPulses: 8,
	Terms: lease.Terms{Hold: 1200 * time.Millisecond, Pause: time.Second, Margin: 20 * time.Millisecond, Drift: 0.05},
}

// threeNodes is a cluster of three voters, which serve one pool through the balancer of n1, and of n4, which has no vote.
func threeNodes() cluster.Spec {
	s := cluster.Spec{
		Cluster:   "test",
		Balancers: []cluster.BalancerSpec{{Name: "lb", Socket: "/lb", Nodes: []cluster.NodeID{"n1"}}},
		Pools:     []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}}}},
	}
	for i := range 4 {
		s.Nodes = append(s.Nodes, cluster.NodeSpec{
			Name: cluster.NodeID(fmt.Sprintf("n%d", i+1)), Address: fmt.Sprintf("10.0.0.%d", i+1), Labels: map[string]string{"role": "web"},
		})
	}
	s.Nodes[3].Vote = new(bool)
	return s
}

// alone is the core of n1 with nobody around but the test, which speaks for the others and for the disk.
type alone struct {
	t *testing.T
	*core.Core
	now    time.Time
	sent   uint64            // number of our newest message
	seqs   map[string]uint64 // of the newest messages of the others, by name
	beat   *bus.Heartbeat    // our newest
	beats  int
	duty   map[string]string // what our balancer should do with each member, by its name
	told   []string          // the kinds of our notices, in order
	got    []core.Answer     // to what was submitted
	frames int               // of the log, that we sent
	jobs   []core.Job        // what the disk was asked for and the test has to answer
	out    core.Output       // of the last step
}

func start(t *testing.T, cfg core.Config, id core.Identity, held core.Held) *alone {
	t.Helper()
	a := &alone{t: t, now: time.Unix(1000, 0), seqs: map[string]uint64{}, duty: map[string]string{}}
	cfg.Name, cfg.Cluster, cfg.Times = "n1", "test", lan
	var err error
	if a.Core, err = core.New(a.now, cfg, id, held); err != nil {
		t.Fatal(err)
	}
	a.step(0)
	return a
}

// admitted is n1 in life 5 of installation 1, one of three voters of the log. The log holds revision 5 of the cluster file, and
// all four nodes in life 5 of the installations 1 to 4; what more it holds is up to the test.
func admitted(t *testing.T, more ...cluster.Body) *alone {
	t.Helper()
	return start(t, core.Config{}, core.Identity{Install: 1, Boot: 5}, held(t, more, "n1", "n2", "n3"))
}

// leading is such a node while the log has no other voter yet, so that it leads by itself.
func leading(t *testing.T, more ...cluster.Body) *alone {
	t.Helper()
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 5}, held(t, more, "n1"))
	a.pass(3 * time.Duration(lan.ElectionPulses) * lan.Pulse)
	if a.Leader() != "n1" {
		t.Fatalf("%q leads", a.Leader())
	}
	return a
}

func held(t *testing.T, more []cluster.Body, voters ...string) core.Held {
	t.Helper()
	var log []cluster.Body
	for range 5 {
		log = append(log, cluster.SetSpec{Spec: threeNodes()})
	}
	for i := range uint64(4) {
		log = append(log, cluster.Admit{Node: cluster.NodeID(fmt.Sprintf("n%d", i+1)), Install: i + 1, Boot: 5, Reason: "joined the cluster"})
	}
	state := cluster.New("c1")
	for _, b := range append(log, more...) {
		var out cluster.Outcome
		if state, out = cluster.Apply(state, state.Index+1, cluster.Command{Body: b}); out.Result != cluster.Accepted {
			t.Fatal(out.Reason)
		}
	}
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := &consensus.Snapshot{Index: state.Index, Term: 1, Data: data}
	for i, v := range voters {
		snapshot.Members = append(snapshot.Members, consensus.Member{ID: uint64(i + 1), Node: v, Role: consensus.RoleVoter})
	}
	return core.Held{Cluster: "c1", Log: consensus.Restored{Snapshot: snapshot, Hard: consensus.HardState{Term: 1, Commit: state.Index}}}
}

// step lets time pass and gives the core what came meanwhile.
func (a *alone) step(after time.Duration, in ...core.Input) {
	a.t.Helper()
	a.now = a.now.Add(after)
	for len(in) > 0 || after >= 0 {
		a.out = a.Step(a.now, in...)
		in, after = nil, -1
		if a.out.Err != nil {
			a.t.Fatal(a.out.Err)
		}
		for _, m := range a.out.Send {
			a.sent = m.Envelope.Seq
			switch body := m.Body.(type) {
			case *bus.Heartbeat:
				a.beat = body
				a.beats++
			case bus.Raft:
				a.frames++
			case *bus.Vote, bus.Proposal:
			}
		}
		for _, n := range a.out.Notices {
			a.told = append(a.told, n.Kind)
		}
		a.got = append(a.got, a.out.Answers...)
		if a.out.NewDuties {
			a.duties()
		}
		for _, j := range a.out.Disk {
			if w, ok := j.(core.Append); ok {
				in = append(in, core.Stored{Append: w.Append})
				continue
			}
			a.jobs = append(a.jobs, j)
		}
	}
}

func (a *alone) duties() {
	clear(a.duty)
	for _, d := range a.out.Duties {
		for _, s := range d.Servers {
			a.duty[s.Name] = string(s.Service)
		}
	}
}

// pass lets time pass, and looks at the clock as often as the core asks for. It ends early when the node has left.
func (a *alone) pass(d time.Duration) {
	a.t.Helper()
	for until := a.now.Add(d); a.now.Before(until) && !a.Left(a.now); {
		next := a.Due()
		if next.After(until) {
			next = until
		}
		a.step(max(0, next.Sub(a.now)))
	}
}

// from is a message of another node in life 5 of its installation, newer than all former ones.
func (a *alone) from(node string, body bus.Body) core.Heard {
	a.seqs[node]++
	install := uint64(slices.Index([]string{"n1", "n2", "n3", "n4"}, node) + 1)
	return core.Heard{At: a.now, Body: body, Envelope: bus.Envelope{
		Cluster: "c1", From: node, Install: install, Boot: 5, Seq: a.seqs[node], Kind: body.Kind(),
	}}
}

// acknowledges is a heartbeat that acknowledges all that n1 has sent so far, and knows the same cluster file.
func (a *alone) acknowledges() *bus.Heartbeat {
	return &bus.Heartbeat{Revision: 5, Seen: []bus.Seen{{Node: "n1", Install: 1, Boot: 5, Seq: a.sent}}}
}

// says is a heartbeat that says something about member web/n2.
func says(state string) *bus.Heartbeat {
	return &bus.Heartbeat{Revision: 5, Members: []bus.MemberHealth{{Pool: "web", Member: "n2", State: state, Reason: "said " + state}}}
}
