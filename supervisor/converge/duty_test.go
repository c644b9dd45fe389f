// SPDX-License-Identifier: Apache-2.0

package converge_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// spec has two balancers and two pools: web on both, with an agentless member,
// api on the inner one alone.
func spec() cluster.Spec {
	web := map[string]string{"role": "web"}
	s := cluster.Spec{
		Cluster: "test",
		Balancers: []cluster.BalancerSpec{
			{Name: "edge", Nodes: []cluster.NodeID{"n1", "n2"}, Socket: "/edge"},
			{Name: "inner", Nodes: []cluster.NodeID{"n1"}, Socket: "/inner"},
		},
		Pools: []cluster.PoolSpec{
			{Name: "web", Backend: "be-web", Drain: cluster.DrainSpec{Floor: new(2), Deadline: 10e9}, Members: []cluster.MemberSpec{
				{Nodes: web, Port: 80, Weight: 50}, {Name: "old", Address: "10.9.0.1", Port: 80},
			}},
			{Name: "api", Balancers: []string{"inner"}, SlowStart: 30e9, Members: []cluster.MemberSpec{{Nodes: web, Port: 81}}},
		},
	}
	for i, n := range []cluster.NodeID{"n1", "n2", "n3"} {
		s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: n, Address: fmt.Sprintf("10.0.0.%d", i+1), Labels: web})
	}
	return s
}

func apply(t rapid.TB, s cluster.State, bodies ...cluster.Body) cluster.State {
	for _, b := range bodies {
		next, out := cluster.Apply(s, s.Index+1, cluster.Command{At: int64(s.Index + 1), By: "ann", Body: b})
		if out.Result != cluster.Accepted {
			t.Fatalf("%+v: %s", b, out.Reason)
		}
		s = next
	}
	return s
}

// founded is a cluster in which everybody lives and every member is up.
func founded(t rapid.TB) cluster.State {
	s := apply(t, cluster.New("c"), cluster.SetSpec{Spec: spec()})
	for i, n := range s.Spec.Nodes {
		s = apply(t, s, cluster.Admit{Node: n.Name, Install: uint64(i + 1), Boot: 1})
	}
	for _, m := range s.Spec.Members() {
		s = apply(t, s, cluster.Judge{Member: m.ID, Condition: cluster.Up, Reason: "answers"})
	}
	return s
}

// story is what node n1 knows, and the state that it read.
type story struct {
	t     *testing.T
	state cluster.State
	ev    converge.Evidence
}

// TestDuties runs the stories in testdata. Each command changes what is known;
// "duties" prints what a node owes its balancers.
func TestDuties(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{t: t}
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string { return s.run(d) })
	})
}

func (s *story) run(d *datadriven.TestData) string {
	word := func(i int) string { return d.CmdArgs[i].Key }
	switch d.Cmd {
	case "cluster": // cluster: founds it, with everything up
		s.state = founded(s.t)
		s.ev = converge.Evidence{
			Install: 1, Boot: 1, Suspect: map[cluster.NodeID]string{}, Leaving: map[cluster.NodeID]bool{},
			Health: map[cluster.MemberID]converge.Health{},
		}
	case "life": // life install=1 boot=2: ours
		s.ev.Install, s.ev.Boot = number(d.CmdArgs[0]), number(d.CmdArgs[1])
	case "no-authority":
		s.ev.NoAuthority = d.Input
	case "suspect":
		s.ev.Suspect[cluster.NodeID(word(0))] = "silent for 1s"
	case "leaving":
		s.ev.Leaving[cluster.NodeID(word(0))] = true
	case "says": // says web/n2 down: its own node says so
		s.ev.Health[s.member(word(0))] = converge.Health{Condition: cluster.Condition(word(1)), Reason: "its node says " + word(1), Since: 77}
	case "judge":
		s.state = apply(s.t, s.state, cluster.Judge{Member: s.member(word(0)), Condition: cluster.Condition(word(1)), Reason: "the log says " + word(1)})
	case "member":
		s.state = apply(s.t, s.state, cluster.SetMember{Member: s.member(word(0)), Admin: cluster.Admin(word(1)), Force: true})
	case "mode":
		s.state = apply(s.t, s.state, cluster.SetMode{Node: cluster.NodeID(word(0)), Mode: cluster.Mode(word(1)), Force: true})
	case "condemn":
		id := cluster.NodeID(word(0))
		s.state = apply(s.t, s.state, cluster.Condemn{Node: id, Epoch: s.state.Node(id).Epoch, Votes: s.state.Spec.Voters(), Reason: "not heard"})
	case "duties": // duties n1
		return show(converge.Duties(cluster.NodeID(word(0)), s.state, s.ev))
	default:
		d.Fatalf(s.t, "unknown command %s", d.Cmd)
	}
	return "ok\n"
}

func (s *story) member(text string) cluster.MemberID {
	id, err := cluster.ParseMemberID(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func number(a datadriven.CmdArg) uint64 {
	n, err := strconv.ParseUint(a.Vals[0], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func show(duties []converge.Duty) string {
	var b strings.Builder
	for _, d := range duties {
		fmt.Fprintf(&b, "%s, floors", d.Balancer.Name)
		for _, k := range slices.Sorted(maps.Keys(d.Floors)) {
			fmt.Fprintf(&b, " %s=%d", k, d.Floors[k])
		}
		b.WriteString("\n")
		if d.Frozen != "" {
			fmt.Fprintf(&b, "  frozen: %s\n", d.Frozen)
		}
		for _, s := range d.Servers {
			fmt.Fprintf(&b, "  %s/%s %s, rank %d", s.Backend, s.Name, s.Service, s.Rank)
			if s.Weight > 0 {
				fmt.Fprintf(&b, ", weight %d", s.Weight)
			}
			if s.SlowStart > 0 {
				fmt.Fprintf(&b, ", slow start %s", s.SlowStart)
			}
			if s.Deadline > 0 {
				fmt.Fprintf(&b, ", deadline %s", s.Deadline)
			}
			if s.Force {
				b.WriteString(", force")
			}
			fmt.Fprintf(&b, ": %s\n", s.Reason)
		}
	}
	if b.Len() == 0 {
		return "none\n"
	}
	return b.String()
}

// TestWhoSaidItFirst: a word that says what the log knows already changes neither the reason nor since when it is so; a newer one
// brings both along.
func TestWhoSaidItFirst(t *testing.T) {
	n2 := cluster.MemberID{Pool: "web", Member: "n2"}
	state := apply(t, founded(t), cluster.Judge{Member: n2, Condition: cluster.Down, Reason: "the log says down"})
	for _, m := range state.Spec.Members() {
		if m.Agentless() {
			continue
		}
		want := cluster.Standing{Service: cluster.Out, Reason: "its node says down", Since: 77}
		if m.ID == n2 {
			want.Reason, want.Since = "the log says down", state.Member(n2).Since
		}
		got := converge.Standing(state, converge.Evidence{Health: map[cluster.MemberID]converge.Health{
			m.ID: {Condition: cluster.Down, Reason: "its node says down", Since: 77},
		}}, m)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", m.ID, diff)
		}
	}
}

// genEvidence draws what a node may know.
func genEvidence() *rapid.Generator[converge.Evidence] {
	return rapid.Custom(func(t *rapid.T) converge.Evidence {
		ev := converge.Evidence{
			Install: rapid.Uint64Range(1, 2).Draw(t, "install"), Boot: rapid.Uint64Range(1, 2).Draw(t, "boot"),
			NoAuthority: rapid.SampledFrom([]string{"", "", "", "no quorum"}).Draw(t, "authority"),
			Suspect:     map[cluster.NodeID]string{}, Leaving: map[cluster.NodeID]bool{}, Health: map[cluster.MemberID]converge.Health{},
		}
		for _, n := range []cluster.NodeID{"n1", "n2", "n3", "n9"} {
			if rapid.IntRange(0, 3).Draw(t, "suspect") == 0 {
				ev.Suspect[n] = "silent"
			}
			ev.Leaving[n] = rapid.IntRange(0, 3).Draw(t, "leaving") == 0
		}
		for _, m := range spec().Members() {
			if rapid.Bool().Draw(t, "says") {
				ev.Health[m.ID] = converge.Health{Condition: rapid.SampledFrom([]cluster.Condition{cluster.Up, cluster.Down, cluster.Unknown, "x"}).Draw(t, "health"), Reason: "said"}
			}
		}
		return ev
	})
}

// genState draws a state by random commands on top of a founded cluster.
func genState() *rapid.Generator[cluster.State] {
	return rapid.Custom(func(t *rapid.T) cluster.State {
		s := founded(t)
		members := s.Spec.Members()
		for range rapid.IntRange(0, 8).Draw(t, "commands") {
			node := rapid.SampledFrom([]cluster.NodeID{"n1", "n2", "n3"}).Draw(t, "node")
			id := rapid.SampledFrom(members).Draw(t, "member").ID
			var body cluster.Body
			switch rapid.IntRange(0, 5).Draw(t, "command") {
			case 0:
				body = cluster.SetMode{Node: node, Mode: rapid.SampledFrom([]cluster.Mode{cluster.ModeActive, cluster.ModeStandby, cluster.ModeMaintenance}).Draw(t, "mode"), Force: true}
			case 1:
				body = cluster.SetMember{Member: id, Admin: rapid.SampledFrom([]cluster.Admin{cluster.AdminReady, cluster.AdminDrain, cluster.AdminMaint}).Draw(t, "admin"), Force: true}
			case 2:
				body = cluster.Condemn{Node: node, Epoch: s.Node(node).Epoch, Votes: s.Spec.Voters()}
			case 3:
				body = cluster.Leave{Node: node, Epoch: s.Node(node).Epoch}
			default:
				body = cluster.Judge{Member: id, Condition: rapid.SampledFrom([]cluster.Condition{cluster.Up, cluster.Down, cluster.Unknown}).Draw(t, "condition")}
			}
			s, _ = cluster.Apply(s, s.Index+1, cluster.Command{Body: body})
		}
		return s
	})
}

// TestDutyProperties checks what must hold whatever a node knows.
func TestDutyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, ev := genState().Draw(t, "state"), genEvidence().Draw(t, "evidence")
		duties := converge.Duties("n1", s, ev)
		if diff := cmp.Diff(duties, converge.Duties("n1", s, ev)); diff != "" {
			t.Fatalf("the same knowledge gives two duties:\n%s", diff)
		}
		me := s.Node("n1")
		mayAct := ev.NoAuthority == "" && me.Life == cluster.LifeAlive && me.Install == ev.Install && me.Boot == ev.Boot && me.Mode != cluster.ModeMaintenance
		for _, d := range duties {
			if (d.Frozen == "") != mayAct {
				t.Fatalf("%s is frozen: %q", d.Balancer.Name, d.Frozen)
			}
			for _, server := range d.Servers {
				checkServer(t, s, ev, server)
			}
		}
	})
}

func checkServer(t *rapid.T, s cluster.State, ev converge.Evidence, server converge.Server) {
	m, ok := s.Spec.Member(server.Member)
	if !ok || server.Reason == "" && server.Service != cluster.Serve && server.Service != cluster.Out {
		t.Fatalf("%+v", server)
	}
	committed, state := s.Standing(m), s.Member(m.ID)
	_, suspect := ev.Suspect[m.Node]
	said := ev.Health[m.ID].Condition
	switch {
	case m.Agentless():
		if diff := cmp.Diff(committed, server.Standing); diff != "" {
			t.Fatalf("%s is agentless, only the log speaks about it:\n%s", m.ID, diff)
		}
	case state.Admin == cluster.AdminMaint, s.Node(m.Node).Mode == cluster.ModeMaintenance, s.Node(m.Node).Life == cluster.LifeDown:
		if server.Service != committed.Service {
			t.Fatalf("%s should be %s, and is %s by what the node knows", m.ID, committed.Service, server.Service)
		}
	case server.Service == cluster.Serve:
		if suspect || ev.Leaving[m.Node] || said == cluster.Down || state.Admin != cluster.AdminReady || (said != cluster.Up && state.Condition != cluster.Up) {
			t.Fatalf("%s is served: suspect %t, leaving %t, it says %q, the log %+v", m.ID, suspect, ev.Leaving[m.Node], said, state)
		}
	case server.Service == cluster.Suspend:
		if !suspect {
			t.Fatalf("%s is suspended, and not suspect", m.ID)
		}
	}
}
