// SPDX-License-Identifier: Apache-2.0

package placement_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/placement"
)

// scene is a cluster of three nodes and a witness, and what its leader knows.
type scene struct {
	state cluster.State
	ev    placement.Evidence
	index uint64
}

func newScene(resources ...cluster.ResourceSpec) *scene {
	s := &scene{state: cluster.New("c1"), ev: placement.Evidence{Nodes: map[cluster.NodeID]placement.Node{}, Lapsed: map[uint64][]cluster.NodeID{}}}
	spec := cluster.Spec{
		Cluster: "demo", Nodes: []cluster.NodeSpec{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}, {Name: "w", Witness: true}}, Resources: resources,
		Balancers: []cluster.BalancerSpec{{Name: "lb", Socket: "/lb", Nodes: []cluster.NodeID{"n1", "n2", "n3"}}},
		Pools:     []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}}}},
	}
	for i := range spec.Nodes[:3] {
		spec.Nodes[i].Labels, spec.Nodes[i].Address = map[string]string{"role": "web"}, fmt.Sprintf("10.0.0.%d", i+1)
	}
	s.apply(cluster.SetSpec{Spec: spec})
	for i, n := range spec.Nodes {
		s.apply(cluster.Admit{Node: n.Name, Install: uint64(i + 1), Boot: 1, Reason: "joined"})
		s.ev.Nodes[n.Name] = placement.Node{
			Heard: true, Balancers: map[string]string{"lb": ""}, Troubles: map[string]string{}, Idle: map[string]bool{},
			FitFor: map[string]time.Duration{},
		}
	}
	return s
}

func (s *scene) apply(b cluster.Body) string {
	s.index++
	next, out := cluster.Apply(s.state, s.index, cluster.Command{ID: fmt.Sprint("c", s.index), Body: b})
	s.state = next
	if out.Result != cluster.Accepted {
		return out.Reason
	}
	return ""
}

func resource(name string, d *datadriven.TestData) cluster.ResourceSpec {
	r := cluster.ResourceSpec{Name: name, VIP: &cluster.VIPSpec{Interface: "eth0", Addresses: []string{fmt.Sprintf("10.0.0.%d/24", 100+name[0])}}}
	for _, a := range d.CmdArgs {
		value := strings.Join(a.Vals, " ")
		switch a.Key {
		case "prefer":
			r.Prefer = cluster.NodeIDs(a.Vals)
		case "failback":
			r.Failback = strings.ReplaceAll(value, "_", " ")
		case "balancer":
			r.Balancer = value
		case "pool":
			r.Pool = value
		case "nodes":
			r.Nodes = cluster.NodeIDs(a.Vals)
		case "requires":
			r.Requires = cluster.Proof(value)
		}
	}
	return r
}

// TestPlan tells the stories in testdata: "plan" prints what should be decided, "do" decides it as well.
func TestPlan(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scene{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

func (s *scene) run(t *testing.T, d *datadriven.TestData) string {
	first := ""
	if len(d.CmdArgs) > 0 {
		first = d.CmdArgs[0].Key
	}
	node := s.ev.Nodes[cluster.NodeID(first)]
	switch d.Cmd {
	case "resources": // resources a,b [prefer=(n1,n2)] [failback=after_10m] [balancer=lb] [requires=quorum]
		var all []cluster.ResourceSpec
		for name := range strings.SplitSeq(first, ",") {
			all = append(all, resource(name, d))
		}
		*s = *newScene(all...)
		return ""
	case "plan", "do":
		return s.plan(d.Cmd == "do")
	case "heir": // heir a
		r, _ := s.state.Spec.Resource(first)
		return cmp.Or(string(placement.Heir(s.state, s.ev, placement.Holds(s.state), r)), "nobody") + "\n"
	case "know": // know n1 silent | leaving | balancer=why | trouble=why | idle | fit=10m, each about resource a; or well
		for _, a := range d.CmdArgs[1:] {
			node = knowing(t, node, a)
		}
		s.ev.Nodes[cluster.NodeID(first)] = node
		return ""
	case "lapsed": // lapsed epoch=1 by=(n1,n2)
		var epoch uint64
		var by []string
		d.ScanArgs(t, "epoch", &epoch)
		for _, a := range d.CmdArgs {
			if a.Key == "by" {
				by = a.Vals
			}
		}
		s.ev.Lapsed[epoch] = cluster.NodeIDs(by)
		return ""
	case "judge": // judge n1 up
		return s.apply(cluster.Judge{
			Member: cluster.MemberID{Pool: "web", Member: first}, Condition: cluster.Condition(d.CmdArgs[1].Key), By: []cluster.NodeID{cluster.NodeID(first)}, Reason: "said so",
		})
	case "condemn": // condemn n1
		return s.apply(cluster.Condemn{Node: cluster.NodeID(first), Epoch: s.state.Node(cluster.NodeID(first)).Epoch, Votes: []cluster.NodeID{"n1", "n2", "n3", "w"}})
	case "mode": // mode n1 standby
		return s.apply(cluster.SetMode{Node: cluster.NodeID(first), Mode: cluster.Mode(d.CmdArgs[1].Key)})
	case "let-go": // let-go a
		r := s.state.Resource(first)
		return s.apply(cluster.LetGo{Resource: first, Epoch: r.Epoch, Node: r.Holder})
	case "ask": // ask a disable [n1]
		b := cluster.SetResource{Resource: first, Verb: cluster.Verb(d.CmdArgs[1].Key)}
		if len(d.CmdArgs) > 2 {
			b.Node = cluster.NodeID(d.CmdArgs[2].Key)
		}
		return s.apply(b)
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

func knowing(t *testing.T, n placement.Node, a datadriven.CmdArg) placement.Node {
	t.Helper()
	value := strings.Join(a.Vals, " ")
	switch a.Key {
	case "silent":
		n.Heard = false
	case "leaving":
		n.Leaving = true
	case "well":
		n.Heard, n.Leaving = true, false
		n.Balancers, n.Troubles = map[string]string{"lb": ""}, map[string]string{}
	case "unknown":
		n.Balancers = map[string]string{}
	case "balancer":
		n.Balancers = map[string]string{"lb": value}
	case "trouble":
		n.Troubles = map[string]string{"a": value}
	case "idle":
		n.Idle = map[string]bool{"a": true}
	case "fit":
		d, err := time.ParseDuration(value)
		if err != nil {
			t.Fatal(err)
		}
		n.FitFor = map[string]time.Duration{"a": d}
	}
	return n
}

func (s *scene) plan(decide bool) string {
	var b strings.Builder
	for _, d := range placement.Plan(s.state, s.ev) {
		verb := map[bool]string{false: "give", true: "recall"}[d.Takes]
		fmt.Fprintf(&b, "%s %s to %q: %s\n", verb, d.Resource, d.To, d.Why)
		if decide {
			if why := s.apply(d.Body); why != "" {
				fmt.Fprintf(&b, "  refused: %s\n", why)
			}
		}
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()
}

// TestPlanSettles: whatever is known, what is planned is accepted, and when the holders have let go and nothing else changes, nothing
// more is planned.
func TestPlanSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []cluster.ResourceSpec
		for i := range rapid.IntRange(1, 5).Draw(t, "resources") {
			r := cluster.ResourceSpec{
				Name: string(rune('a' + i)), VIP: &cluster.VIPSpec{Interface: "eth0", Addresses: []string{fmt.Sprintf("10.0.0.%d/24", 100+i)}},
				Failback: rapid.SampledFrom([]string{"", "immediately", "when-idle", "after 10m"}).Draw(t, "failback"),
				Balancer: rapid.SampledFrom([]string{"", "lb"}).Draw(t, "balancer"),
			}
			r.Prefer = rapid.SampledFrom([][]cluster.NodeID{nil, {"n2"}, {"n3", "n1"}}).Draw(t, "prefer")
			all = append(all, r)
		}
		s := newScene(all...)
		for range rapid.IntRange(1, 6).Draw(t, "turns") {
			for _, id := range []cluster.NodeID{"n1", "n2", "n3", "w"} {
				n := s.ev.Nodes[id]
				n.Heard, n.Leaving = rapid.IntRange(0, 4).Draw(t, "heard") > 0, rapid.IntRange(0, 5).Draw(t, "leaving") == 0
				n.Balancers["lb"] = rapid.SampledFrom([]string{"", "", "", "it does not answer"}).Draw(t, "lb")
				s.ev.Nodes[id] = n
			}
			s.settle(t)
		}
	})
}

func (s *scene) settle(t *rapid.T) {
	for range 20 {
		plan := placement.Plan(s.state, s.ev)
		if len(plan) == 0 {
			return
		}
		for _, d := range plan {
			if why := s.apply(d.Body); why != "" {
				t.Fatalf("%+v is refused: %s", d, why)
			}
			if r := s.state.Resource(d.Resource); r.Leaving {
				if why := s.apply(cluster.LetGo{Resource: d.Resource, Epoch: r.Epoch, Node: r.Holder}); why != "" {
					t.Fatal(why)
				}
			}
		}
	}
	t.Fatalf("it goes on and on: %+v", placement.Plan(s.state, s.ev))
}
