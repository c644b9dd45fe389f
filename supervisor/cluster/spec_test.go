// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func TestDurationPrints(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Nanosecond: "1ns", 500 * time.Millisecond: "500ms", 1500 * time.Millisecond: "1.5s", time.Second: "1s",
		10 * time.Second: "10s", time.Minute: "1m", 10 * time.Minute: "10m", 90 * time.Second: "1m30s", time.Hour: "1h",
		90 * time.Minute: "1h30m", 10 * time.Hour: "10h", time.Hour + time.Second: "1h0m1s", 168 * time.Hour: "168h", -time.Hour: "-1h",
		time.Hour + 10*time.Minute: "1h10m", 100 * time.Minute: "1h40m", time.Minute + time.Millisecond: "1m0.001s",
	} {
		if got := cluster.Duration(d).String(); got != want {
			t.Errorf("%s prints as %s, want %s", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := cluster.Duration(rapid.Int64().Draw(t, "d"))
		var back cluster.Duration
		if err := back.UnmarshalText([]byte(d.String())); err != nil || back != d {
			t.Fatalf("%d prints as %s and reads as %d, %v", d, d, back, err)
		}
	})
	var d cluster.Duration
	err := d.UnmarshalText([]byte("5 sec"))
	if want := `"5 sec" is not a duration; write a number with a unit, such as 500ms, 30s or 10m`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMemberID(t *testing.T) {
	for in, want := range map[string]string{
		"web/n1": "web/n1", "a/b/c": "a/b/c", "": "", "web": "", "/n1": "", "web/": "", "/": "",
	} {
		id, err := cluster.ParseMemberID(in)
		if (err == nil) != (want != "") || (err == nil && id.String() != want) {
			t.Errorf("%q reads as %q, %v", in, id, err)
		}
	}
	var id cluster.MemberID
	if err := json.Unmarshal([]byte(`"web"`), &id); err == nil {
		t.Error("a member without a pool was read")
	}
	a, b := cluster.MemberID{Pool: "a", Member: "z"}, cluster.MemberID{Pool: "b", Member: "a"}
	if a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 {
		t.Error("ids are ordered by pool, then member")
	}
}

func TestSpecAnswers(t *testing.T) {
	s := goodSpec()
	s.Balancers = append(s.Balancers, cluster.BalancerSpec{Name: "in", Nodes: []cluster.NodeID{"n2"}, Socket: "/in"})
	s.Pools = append(s.Pools, cluster.PoolSpec{
		Name: "api", Backend: "be-api", Balancers: []string{"in"}, Drain: cluster.DrainSpec{Floor: new(0)}, Watch: cluster.WatchSpec{Connection: new(false)},
	})
	s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: "a0", Vote: new(false)})
	type answers struct {
		Voters       []cluster.NodeID
		Of           []string
		On           [][]cluster.NodeID
		Backends     []string
		Least        []int
		Connection   []bool
		Found, Known [2]bool
	}
	var got answers
	got.Voters = s.Voters()
	for _, b := range s.BalancersOf("n2") {
		got.Of = append(got.Of, b.Name)
	}
	for _, p := range s.Pools {
		got.On = append(got.On, s.BalancerNodes(p))
		got.Backends = append(got.Backends, p.BackendName())
		got.Least = append(got.Least, p.Drain.Least())
		got.Connection = append(got.Connection, p.Watch.KeepsConnection())
	}
	_, got.Found[0] = s.Pool("api")
	_, got.Found[1] = s.Pool("nix")
	_, got.Known[0] = s.Node("a0")
	_, got.Known[1] = s.Member(cluster.MemberID{Pool: "web", Member: "w1"})
	if diff := cmp.Diff(answers{
		Voters: []cluster.NodeID{"n1", "n2", "w1"}, Of: []string{"lb", "in"},
		On: [][]cluster.NodeID{{"n1", "n2"}, {"n2"}}, Backends: []string{"web", "be-api"}, Least: []int{1, 0},
		Connection: []bool{true, false}, Found: [2]bool{true, false}, Known: [2]bool{true, false},
	}, got); diff != "" {
		t.Errorf("answers differ (-want +got):\n%s", diff)
	}
}

func TestMembers(t *testing.T) {
	s := goodSpec()
	s.Nodes[0].Labels = map[string]string{"role": "web", "rack": "1"}
	s.Nodes[2].Labels = map[string]string{"role": "web"} // a witness is never a member
	s.Pools = append([]cluster.PoolSpec{{Name: "zoo", Members: []cluster.MemberSpec{
		{Nodes: map[string]string{"role": "web", "rack": "1"}, Port: 1, Weight: 7},
		{Nodes: map[string]string{"role": "web"}, Port: 2},
		{Nodes: map[string]string{"role": "web", "rack": "2"}, Port: 3},
		{Nodes: map[string]string{}, Port: 4},
	}}}, s.Pools...)
	var got []string
	for _, m := range s.Members() {
		got = append(got, fmt.Sprintf("%s node=%s %s:%d weight=%d agentless=%t", m.ID, m.Node, m.Address, m.Port, m.Weight, m.Agentless()))
	}
	want := []string{
		"web/n1 node=n1 10.0.0.1:80 weight=0 agentless=false",
		"web/n2 node=n2 10.0.0.2:80 weight=0 agentless=false",
		"web/old node= 10.9.0.1:80 weight=256 agentless=true",
		"zoo/n1 node=n1 10.0.0.1:1 weight=7 agentless=false",
		"zoo/n2 node=n2 10.0.0.2:2 weight=0 agentless=false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members differ (-want +got):\n%s", diff)
	}
}

func TestDiff(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*cluster.Spec)
		want   []string
	}{
		{"nothing", func(*cluster.Spec) {}, nil},
		{"order", func(s *cluster.Spec) { s.Nodes[0], s.Nodes[1] = s.Nodes[1], s.Nodes[0] }, nil},
		{"added", func(s *cluster.Spec) { s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: "n9"}) }, []string{"+ nodes[n9].name: n9"}},
		{"removed", func(s *cluster.Spec) { s.Nodes = s.Nodes[:2] }, []string{"- nodes[w1].name: w1", "- nodes[w1].witness: true"}},
		{"changed", func(s *cluster.Spec) {
			s.Pools[0].Drain.Deadline = cluster.Duration(10 * time.Minute)
			s.Pools[0].Drain.Floor = new(0)
			s.Pools[0].Members[0].Port = 8080
			s.Pools[0].Check.TCP = &cluster.TCPCheck{}
		}, []string{
			"+ pools[web].check.tcp: {}", "+ pools[web].drain.deadline: 10m", "+ pools[web].drain.floor: 0", "~ pools[web].members[0].port: 80 -> 8080",
		}},
		{"empty label", func(s *cluster.Spec) { s.Nodes[2].Labels = map[string]string{"x": ""} }, []string{`+ nodes[w1].labels.x: ""`}},
		{"plain list", func(s *cluster.Spec) { s.Balancers[0].Nodes = []cluster.NodeID{"w1", "n1", ""} }, []string{`~ balancers[lb].nodes: [n1, n2] -> [w1, n1, ""]`}},
	} {
		s := goodSpec()
		tc.change(&s)
		var got []string
		for _, c := range cluster.Diff(goodSpec(), s) {
			got = append(got, c.String())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: changes differ (-want +got):\n%s", tc.name, diff)
		}
	}
	if got := cluster.Diff(cluster.Spec{}, cluster.Spec{Cluster: "a"}); len(got) != 1 || got[0].String() != "+ cluster: a" {
		t.Errorf("the first file: %v", got)
	}
}

// TestStanding covers what the stories do not: the order of priorities, one by one.
func TestStanding(t *testing.T) {
	m := cluster.Member{ID: cluster.MemberID{Pool: "web", Member: "n1"}, Node: "n1", Pool: cluster.PoolSpec{Drain: cluster.DrainSpec{Deadline: 5}}}
	agentless := cluster.Member{ID: cluster.MemberID{Pool: "web", Member: "old"}}
	node := func(life cluster.Life, mode cluster.Mode) cluster.Node { return cluster.Node{Life: life, Mode: mode} }
	for _, tc := range []struct {
		name   string
		node   cluster.Node
		member cluster.MemberState
		want   cluster.Service
	}{
		{"maintenance before down", node(cluster.LifeDown, cluster.ModeMaintenance), cluster.MemberState{Admin: cluster.AdminMaint, Condition: cluster.Down}, cluster.Untouched},
		{"down before everything else", node(cluster.LifeDown, cluster.ModeStandby), cluster.MemberState{Admin: cluster.AdminDrain, Condition: cluster.Up}, cluster.Out},
		{"never joined", node(cluster.LifeUnknown, cluster.ModeStandby), cluster.MemberState{Admin: cluster.AdminReady, Condition: cluster.Up}, cluster.Untouched},
		{"never joined, maint", node(cluster.LifeUnknown, cluster.ModeActive), cluster.MemberState{Admin: cluster.AdminMaint}, cluster.Out},
		{"left", node(cluster.LifeLeft, cluster.ModeActive), cluster.MemberState{Admin: cluster.AdminReady, Condition: cluster.Up}, cluster.Drain},
		{"left, down", node(cluster.LifeLeft, cluster.ModeActive), cluster.MemberState{Admin: cluster.AdminReady, Condition: cluster.Down}, cluster.Out},
		{"left, maint", node(cluster.LifeLeft, cluster.ModeActive), cluster.MemberState{Admin: cluster.AdminMaint, Condition: cluster.Up}, cluster.Out},
		{"maint before down", node(cluster.LifeAlive, cluster.ModeStandby), cluster.MemberState{Admin: cluster.AdminMaint, Condition: cluster.Down}, cluster.Out},
		{"down before drain", node(cluster.LifeAlive, cluster.ModeStandby), cluster.MemberState{Admin: cluster.AdminDrain, Condition: cluster.Down}, cluster.Out},
		{"drain before standby", node(cluster.LifeAlive, cluster.ModeStandby), cluster.MemberState{Admin: cluster.AdminDrain, Condition: cluster.Up}, cluster.Drain},
		{"standby before up", node(cluster.LifeAlive, cluster.ModeStandby), cluster.MemberState{Admin: cluster.AdminReady, Condition: cluster.Up}, cluster.Drain},
		{"up", node(cluster.LifeAlive, cluster.ModeActive), cluster.MemberState{Admin: cluster.AdminReady, Condition: cluster.Up}, cluster.Serve},
		{"unknown", node(cluster.LifeAlive, cluster.ModeActive), cluster.MemberState{Admin: cluster.AdminReady, Condition: cluster.Unknown}, cluster.Untouched},
	} {
		s := cluster.New("c")
		s.Nodes["n1"] = tc.node
		got := s.StandingOf(m, tc.member)
		if got.Service != tc.want || got.Reason == "" {
			t.Errorf("%s: %+v, want %s with a reason", tc.name, got, tc.want)
		}
		s.Members[agentless.ID] = tc.member
		s.Nodes[""] = tc.node
		if st := s.Standing(agentless); tc.name == "up" && st.Service != cluster.Serve {
			t.Errorf("agentless: %+v", st)
		}
	}
}
