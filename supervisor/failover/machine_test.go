// SPDX-License-Identifier: Apache-2.0

package failover_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// world is one machine under test, and the log that its proposals go to.
type world struct {
	t     *testing.T
	m     *failover.Machine
	now   time.Time
	state cluster.State
	seq   map[cluster.NodeID]uint64
	boot  map[cluster.NodeID]uint64
	inst  map[cluster.NodeID]uint64
	mute  bool // the log takes no proposals
}

var params = failover.Params{
	Beat: 100 * time.Millisecond, VoteTTL: 300 * time.Millisecond,
	SuspectAfter: 300 * time.Millisecond, Retry: 500 * time.Millisecond, Holiday: 2 * time.Second,
}

// TestMachine runs the stories in testdata. Each command prints the actions of
// the machine of node n1, and what the log made of its proposals.
func TestMachine(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := &world{t: t}
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string { return w.run(d) })
	})
}

func (w *world) run(d *datadriven.TestData) string {
	var actions []failover.Action
	switch d.Cmd {
	case "cluster": // cluster n1 n2 n3 [vip] [agentless] [observer=n3] [never=n3]: founds it, with everybody else admitted a minute ago
		actions = w.found(d)
	case "lead":
		actions = w.m.Step(w.now, failover.LeaderChanged{Leads: true})
	case "advance": // advance 100ms [heard=n2,n3]
		actions = w.advance(d)
	case "beat": // beat n2 [boot=2] [install=9] [up=web/n2] [down=web/n2] [leaving]
		actions = w.beat(d)
	case "report": // report n2 seq=1 boot=1: a heartbeat as it is, such as a late one
		actions = w.report(d)
	case "apply": // apply n1 n2: the cluster file names these nodes from now on
		actions = w.apply(d)
	case "admit": // admit n3 install=3 boot=2: the log lets this life in
		b := cluster.Admit{Node: cluster.NodeID(d.CmdArgs[0].Key), Install: number(d.CmdArgs[1]), Boot: number(d.CmdArgs[2]), Reason: "was heard by others"}
		w.inst[b.Node], w.boot[b.Node] = b.Install, b.Boot
		actions = w.fromLog(b)
	case "condemn": // condemn n1 by=n2,n3: the log ends this life
		id := cluster.NodeID(d.CmdArgs[0].Key)
		b := cluster.Condemn{Node: id, Epoch: w.state.Node(id).Epoch, Reason: "the test says so"}
		for v := range strings.SplitSeq(d.CmdArgs[1].Vals[0], ",") {
			b.Votes = append(b.Votes, cluster.NodeID(v))
		}
		actions = w.fromLog(b)
	case "mute": // proposals are lost from now on
		w.mute = true
	case "unlead":
		actions = w.m.Step(w.now, failover.LeaderChanged{Leads: false})
	case "reborn": // reborn boot=2: the node under test begins a new life
		w.boot["n1"] = number(d.CmdArgs[0])
		w.m.Reborn(w.boot["n1"])
	case "suspect", "alive":
		actions = w.verdict(d)
	case "vote": // vote n2 against n3 [epoch=1] [boot=1] [voterboot=1] [voterinstall=2] [seq=0] [back]
		actions = w.vote(d)
	default:
		d.Fatalf(w.t, "unknown command %s", d.Cmd)
	}
	return w.print(actions)
}

func (w *world) found(d *datadriven.TestData) []failover.Action {
	w.now, w.mute = time.Unix(1000, 0), false
	w.seq, w.boot, w.inst = map[cluster.NodeID]uint64{}, map[cluster.NodeID]uint64{}, map[cluster.NodeID]uint64{}
	spec := cluster.Spec{
		Cluster:   "test",
		Balancers: []cluster.BalancerSpec{{Name: "lb", Socket: "/lb", Nodes: []cluster.NodeID{"n1", "n2"}}},
		Pools: []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{
			{Nodes: map[string]string{"role": "web"}, Port: 80},
		}}},
	}
	never := cluster.NodeID("")
	for i, a := range d.CmdArgs {
		switch a.Key {
		case "never":
			never = cluster.NodeID(a.Vals[0])
		case "observer":
			for j := range spec.Nodes {
				if string(spec.Nodes[j].Name) == a.Vals[0] {
					spec.Nodes[j].Vote = new(bool)
				}
			}
		case "vip":
			spec.Resources = []cluster.ResourceSpec{{Name: "vip", VIP: &cluster.VIPSpec{Addresses: []string{"10.0.9.9/24"}, Interface: "eth0"}}}
		case "agentless":
			spec.Pools[0].Members = append(spec.Pools[0].Members, cluster.MemberSpec{Name: "old", Address: "10.9.9.9", Port: 80})
		default:
			spec.Nodes = append(spec.Nodes, cluster.NodeSpec{
				Name: cluster.NodeID(a.Key), Address: fmt.Sprintf("10.0.0.%d", i+1), Labels: map[string]string{"role": "web"},
			})
		}
	}
	w.state = cluster.New("c1")
	w.commit(cluster.SetSpec{Spec: spec})
	for i, n := range spec.Nodes {
		w.inst[n.Name], w.boot[n.Name] = uint64(i+1), 1
		if n.Name == never {
			continue
		}
		w.commit(cluster.Admit{Node: n.Name, Install: uint64(i + 1), Boot: 1, Reason: "joined the cluster"})
	}
	w.m = failover.New("n1", 1, 1, params)
	return w.m.Step(w.now.Add(-time.Minute), failover.Committed{State: w.state})
}

func (w *world) commit(b cluster.Body) cluster.Outcome {
	var out cluster.Outcome
	w.state, out = cluster.Apply(w.state, w.state.Index+1, cluster.Command{Body: b})
	return out
}

func (w *world) advance(d *datadriven.TestData) []failover.Action {
	by, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(w.t, "%v", err)
	}
	w.now = w.now.Add(by)
	var heard []cluster.NodeID
	for _, a := range d.CmdArgs[1:] {
		for _, v := range a.Vals {
			for s := range strings.SplitSeq(v, ",") {
				heard = append(heard, cluster.NodeID(s))
			}
		}
	}
	return w.m.Step(w.now, failover.Tick{Heard: heard})
}

func (w *world) beat(d *datadriven.TestData) []failover.Action {
	id := cluster.NodeID(d.CmdArgs[0].Key)
	w.seq[id]++
	r := failover.Report{Node: id, Install: w.inst[id], Boot: w.boot[id], Seq: w.seq[id]}
	for _, a := range d.CmdArgs[1:] {
		switch a.Key {
		case "boot":
			r.Boot = number(a)
			w.boot[id] = r.Boot
		case "install":
			r.Install = number(a)
		case "leaving":
			r.Leaving = true
		case "up", "down", "unknown":
			mid, err := cluster.ParseMemberID(a.Vals[0])
			if err != nil {
				d.Fatalf(w.t, "%v", err)
			}
			r.Members = append(r.Members, failover.MemberReport{ID: mid, Condition: cluster.Condition(a.Key), Reason: "said " + a.Key})
		}
	}
	return w.m.Step(w.now, r)
}

func (w *world) report(d *datadriven.TestData) []failover.Action {
	id := cluster.NodeID(d.CmdArgs[0].Key)
	r := failover.Report{Node: id, Install: w.inst[id], Boot: w.boot[id]}
	for _, a := range d.CmdArgs[1:] {
		switch a.Key {
		case "boot":
			r.Boot = number(a)
		case "install":
			r.Install = number(a)
		case "seq":
			r.Seq = number(a)
		case "up", "down":
			mid, err := cluster.ParseMemberID(a.Vals[0])
			if err != nil {
				d.Fatalf(w.t, "%v", err)
			}
			r.Members = append(r.Members, failover.MemberReport{ID: mid, Condition: cluster.Condition(a.Key), Reason: "said " + a.Key})
		}
	}
	return w.m.Step(w.now, r)
}

func (w *world) apply(d *datadriven.TestData) []failover.Action {
	spec := w.state.Spec
	spec.Nodes = nil
	for i, a := range d.CmdArgs {
		spec.Nodes = append(spec.Nodes, cluster.NodeSpec{
			Name: cluster.NodeID(a.Key), Address: fmt.Sprintf("10.0.1.%d", i+1), Labels: map[string]string{"role": "web"},
		})
	}
	return w.fromLog(cluster.SetSpec{Spec: spec, Known: w.state.Revision})
}

// fromLog is a command that others proposed.
func (w *world) fromLog(b cluster.Body) []failover.Action {
	if out := w.commit(b); out.Result != cluster.Accepted {
		w.t.Fatal(out.Reason)
	}
	return w.m.Step(w.now, failover.Committed{State: w.state})
}

func number(a datadriven.CmdArg) uint64 {
	n, err := strconv.ParseUint(a.Vals[0], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (w *world) verdict(d *datadriven.TestData) []failover.Action {
	id := d.CmdArgs[0].Key
	v := health.Verdict{Node: id, Boot: w.state.Node(cluster.NodeID(id)).Boot, State: health.Suspect, At: w.now, Reason: "silent for 300ms"}
	if d.Cmd == "alive" {
		v.State, v.Reason = health.Alive, "heard again"
	}
	return w.m.Step(w.now, failover.Verdict{Verdict: v})
}

func (w *world) vote(d *datadriven.TestData) []failover.Action {
	voter, target := cluster.NodeID(d.CmdArgs[0].Key), cluster.NodeID(d.CmdArgs[2].Key)
	n := w.state.Node(target)
	ev := failover.VoteCast{Voter: voter, Install: w.inst[voter], Boot: w.boot[voter], Vote: failover.Vote{
		Target: target, Install: n.Install, Boot: n.Boot, Epoch: n.Epoch, Down: true, Seq: w.seq[voter],
	}}
	for _, a := range d.CmdArgs[3:] {
		switch a.Key {
		case "epoch":
			ev.Vote.Epoch = number(a)
		case "boot":
			ev.Vote.Boot = number(a)
		case "voterboot":
			ev.Boot = number(a)
		case "voterinstall":
			ev.Install = number(a)
		case "seq":
			ev.Vote.Seq = number(a)
		case "back":
			ev.Vote.Down = false
		}
	}
	return w.m.Step(w.now, ev)
}

// print tells the actions, carries the proposals to the log, and goes on with
// what follows from the commit.
func (w *world) print(actions []failover.Action) string {
	var b strings.Builder
	for len(actions) > 0 {
		a := actions[0]
		actions = actions[1:]
		switch a := a.(type) {
		case failover.CastVote:
			word := "down"
			if !a.Vote.Down {
				word = "taken back"
			}
			fmt.Fprintf(&b, "vote: %s %s, in its life of epoch %d\n", a.Vote.Target, word, a.Vote.Epoch)
		case failover.Explain:
			fmt.Fprintf(&b, "explain: %s %s: %s\n", a.Kind, a.Subject, a.Reason)
		case failover.NewLife:
			fmt.Fprintf(&b, "new life: %s\n", a.Reason)
		case failover.Propose:
			if w.mute {
				fmt.Fprintf(&b, "propose in vain: %T\n", a.Body)
				continue
			}
			out := w.commit(a.Body)
			fmt.Fprintf(&b, "propose: %T", a.Body)
			if out.Result == cluster.Rejected {
				fmt.Fprintf(&b, " rejected: %s", out.Reason)
			}
			b.WriteString("\n")
			for _, e := range out.Events {
				fmt.Fprintf(&b, "  %s %s %s -> %s: %s\n", e.Kind, e.Subject, e.From, e.To, e.Reason)
			}
			actions = append(actions, w.m.Step(w.now, failover.Committed{State: w.state})...)
		}
	}
	if s := w.m.Suspects(); len(s) > 0 {
		for _, id := range slices.Sorted(maps.Keys(s)) {
			fmt.Fprintf(&b, "suspects: %s (%s)\n", id, s[id])
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// TestVotesNameTheNewestHeartbeat: a vote is compared with the heartbeats of its voter, so it names the newest that we sent in
// this life, whatever else is heard in our name.
func TestVotesNameTheNewestHeartbeat(t *testing.T) {
	m := failover.New("n1", 1, 2, params)
	now := time.Unix(1000, 0)
	state := founded(t, 3)
	state, _ = cluster.Apply(state, state.Index+1, cluster.Command{Body: cluster.Admit{Node: "n1", Install: 1, Boot: 2}})
	m.Step(now, failover.Committed{State: state})
	m.Step(now.Add(time.Minute), failover.Tick{})
	now = now.Add(time.Minute)
	vote := func() uint64 {
		t.Helper()
		now = now.Add(params.Beat)
		for _, a := range m.Step(now, failover.Verdict{Verdict: health.Verdict{Node: "n3", Boot: 1, State: health.Suspect, Reason: "because"}}) {
			if v, ok := a.(failover.CastVote); ok {
				return v.Vote.Seq
			}
		}
		t.Fatal("no vote")
		return 0
	}
	for _, r := range []failover.Report{
		{Node: "n1", Install: 1, Boot: 2, Seq: 7},
		{Node: "n1", Install: 1, Boot: 1, Seq: 50},
		{Node: "n1", Install: 9, Boot: 2, Seq: 60},
		{Node: "n2", Install: 1, Boot: 2, Seq: 70},
	} {
		m.Step(now, r)
	}
	if got := vote(); got != 7 {
		t.Errorf("it names heartbeat %d, want 7", got)
	}
	m.Reborn(3)
	if got := vote(); got != 0 {
		t.Errorf("in its new life it names heartbeat %d", got)
	}
}

// TestOnlyTheFileGivesVotes: who is not in the cluster file sees who is silent, and does not vote.
func TestOnlyTheFileGivesVotes(t *testing.T) {
	m := failover.New("n9", 9, 1, params)
	now := time.Unix(1000, 0)
	m.Step(now, failover.Committed{State: founded(t, 3)})
	got := m.Step(now.Add(time.Minute), failover.Verdict{Verdict: health.Verdict{Node: "n3", Boot: 1, State: health.Suspect, Reason: "because"}})
	want := []failover.Action{failover.Explain{Kind: failover.KindSuspect, Subject: "n3", Reason: "because"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAbsurdNames: a heartbeat in a name that no node can have is not even told of.
func TestAbsurdNames(t *testing.T) {
	m := failover.New("n1", 1, 1, params)
	now := time.Unix(1000, 0)
	m.Step(now, failover.Committed{State: founded(t, 3)})
	m.Step(now, failover.LeaderChanged{Leads: true})
	for length, want := range map[int]int{cluster.MaxName: 1, cluster.MaxName + 1: 0} {
		r := failover.Report{Node: cluster.NodeID(strings.Repeat("x", length)), Install: 9, Boot: 1, Seq: 1}
		if got := m.Step(now, r); len(got) != want {
			t.Errorf("%d bytes: %+v", length, got)
		}
	}
}
