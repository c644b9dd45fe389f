// SPDX-License-Identifier: Apache-2.0

package failover_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

var nodes = []cluster.NodeID{"n1", "n2", "n3", "n4", "n5"}

// testSpec has n voters, one pool on all of them, and an agentless member.
func testSpec(n int) cluster.Spec {
	s := cluster.Spec{
		Cluster:   "test",
		Balancers: []cluster.BalancerSpec{{Name: "lb", Socket: "/lb", Nodes: []cluster.NodeID{"n1", "n2", "n3"}}},
		Pools: []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{
			{Nodes: map[string]string{"role": "web"}, Port: 80}, {Name: "old", Address: "10.9.0.1", Port: 80},
		}}},
	}
	for i := range n {
		s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: cluster.NodeID(fmt.Sprintf("n%d", i+1)), Address: fmt.Sprintf("10.0.0.%d", i+1), Labels: map[string]string{"role": "web"}})
	}
	return s
}

// genEvent draws what may come to a machine, true or not.
func genEvent() *rapid.Generator[failover.Event] {
	some := rapid.SampledFrom(append([]cluster.NodeID{"n9"}, nodes...))
	installs := rapid.Uint64Range(0, 7)
	small := rapid.Uint64Range(0, 3)
	epochs := rapid.Uint64Range(1, 9)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) failover.Event {
			return failover.Tick{Heard: rapid.SliceOfNDistinct(some, 0, 5, rapid.ID).Draw(t, "heard")}
		}),
		rapid.Custom(func(t *rapid.T) failover.Event {
			return failover.Verdict{Verdict: health.Verdict{
				Node: string(some.Draw(t, "node")), Boot: small.Draw(t, "boot"),
				State: rapid.SampledFrom([]health.Liveness{health.Suspect, health.Suspect, health.Alive}).Draw(t, "state"), Reason: "because",
			}}
		}),
		rapid.Custom(func(t *rapid.T) failover.Event {
			voter, target := some.Draw(t, "voter"), some.Draw(t, "target")
			v := failover.VoteCast{Voter: voter, Install: installs.Draw(t, "install"), Boot: small.Draw(t, "boot"), Vote: failover.Vote{
				Target: target, Install: installs.Draw(t, "target install"), Boot: small.Draw(t, "target boot"), Epoch: epochs.Draw(t, "epoch"),
				Down: rapid.IntRange(0, 4).Draw(t, "down") > 0, Seq: rapid.Uint64Range(0, 40).Draw(t, "seq"),
			}}
			if rapid.IntRange(0, 3).Draw(t, "honest") > 0 { // about the life that everybody began with
				v.Install, v.Boot = ordinal(voter), 1
				v.Vote.Install, v.Vote.Boot, v.Vote.Epoch = ordinal(target), 1, ordinal(target)
			}
			return v
		}),
		rapid.Custom(func(t *rapid.T) failover.Event {
			node := some.Draw(t, "node")
			r := failover.Report{Node: node, Install: ordinal(node), Boot: 1, Seq: rapid.Uint64Range(0, 40).Draw(t, "seq"), Leaving: rapid.IntRange(0, 15).Draw(t, "leaving") == 0}
			if rapid.IntRange(0, 4).Draw(t, "other life") == 0 {
				r.Install, r.Boot = installs.Draw(t, "install"), small.Draw(t, "boot")
			}
			for range rapid.IntRange(0, 3).Draw(t, "members") {
				r.Members = append(r.Members, failover.MemberReport{
					ID:        cluster.MemberID{Pool: "web", Member: rapid.SampledFrom([]string{"n1", "n2", "n3", "old", "x"}).Draw(t, "member")},
					Condition: rapid.SampledFrom([]cluster.Condition{cluster.Up, cluster.Down, cluster.Unknown, "x"}).Draw(t, "condition"), Reason: "seen",
				})
			}
			return r
		}),
		rapid.Custom(func(t *rapid.T) failover.Event {
			return failover.LeaderChanged{Leads: rapid.IntRange(0, 3).Draw(t, "leads") > 0}
		}),
	)
}

// ordinal is the number in the name of a node: its first installation and epoch.
func ordinal(id cluster.NodeID) uint64 { return uint64(id[1] - '0') }

// rules watches a machine from outside and keeps its own account of votes.
type rules struct {
	leads    bool
	now      time.Time
	state    cluster.State
	said     []castAt // every vote there was
	proposed map[string]time.Time
}

type castAt struct {
	failover.VoteCast
	at time.Time
}

func (r *rules) see(ev failover.Event) {
	switch ev := ev.(type) {
	case failover.LeaderChanged:
		r.leads = ev.Leads
		clear(r.proposed)
	case failover.VoteCast:
		r.said = append(r.said, castAt{ev, r.now})
	case failover.Tick, failover.Verdict, failover.Report, failover.Committed:
	}
}

func (r *rules) check(t *rapid.T, actions []failover.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case failover.CastVote:
			if a.Vote.Target == "n1" {
				t.Fatal("it votes about itself")
			}
			me := r.state.Node("n1")
			r.said = append(r.said, castAt{failover.VoteCast{Voter: "n1", Install: me.Install, Boot: me.Boot, Vote: a.Vote}, r.now})
		case failover.Propose:
			if !r.leads {
				t.Fatalf("a follower proposes %+v", a.Body)
			}
			key := fmt.Sprintf("%T %+v", a.Body, a.Body)
			if c, ok := a.Body.(cluster.Condemn); ok {
				r.checkVotes(t, c)
				key = fmt.Sprint(c.Node, c.Epoch)
			}
			if last, ok := r.proposed[key]; ok && r.now.Sub(last) < params.Retry {
				t.Fatalf("%s after %s", key, r.now.Sub(last))
			}
			r.proposed[key] = r.now
		case failover.Explain, failover.NewLife:
		}
	}
}

// checkVotes holds a condemnation against everything that was ever said.
func (r *rules) checkVotes(t *rapid.T, c cluster.Condemn) {
	n := r.state.Node(c.Node)
	if n.Life != cluster.LifeAlive || n.Epoch != c.Epoch {
		t.Fatalf("%+v, and it is %+v", c, n)
	}
	voters := r.state.Spec.Voters()
	said := 0
	for _, v := range voters {
		voter := r.state.Node(v)
		if v != c.Node && voter.Life == cluster.LifeAlive && slices.Contains(c.Votes, v) && slices.ContainsFunc(r.said, func(w castAt) bool {
			about := w.Vote.Target == c.Node && w.Vote.Epoch == n.Epoch && w.Vote.Install == n.Install && w.Vote.Boot == n.Boot
			by := w.Voter == v && w.Install == voter.Install && w.Boot == voter.Boot
			return about && by && w.Vote.Down && r.now.Sub(w.at) <= params.VoteTTL
		}) {
			said++
		}
	}
	if 2*said <= len(voters) {
		t.Fatalf("%s is condemned by %v: %d of %d", c.Node, c.Votes, said, len(voters))
	}
}

// TestMachineProperties gives two machines the same random events, and a log that
// takes some of the proposals late or not at all.
func TestMachineProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &rules{now: time.Unix(1000, 0), proposed: map[string]time.Time{}}
		r.state = founded(t, rapid.IntRange(3, 5).Draw(t, "nodes"))
		machines := []*failover.Machine{failover.New("n1", 1, 1, params), failover.New("n1", 1, 1, params)}
		step := func(ev failover.Event) []failover.Action {
			r.see(ev)
			first, second := machines[0].Step(r.now, ev), machines[1].Step(r.now, ev)
			if diff := cmp.Diff(first, second); diff != "" {
				t.Fatalf("the same events, other actions:\n%s", diff)
			}
			r.check(t, first)
			for id := range machines[0].Suspects() {
				if r.state.Node(id).Life != cluster.LifeAlive || id == "n1" {
					t.Fatalf("%s is suspect, and it is %s", id, r.state.Node(id).Life)
				}
			}
			return first
		}
		step(failover.Committed{State: r.state})
		r.now = r.now.Add(time.Minute)
		var waiting []cluster.Body
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			r.now = r.now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "ms")) * time.Millisecond)
			for _, a := range step(genEvent().Draw(t, "event")) {
				if p, ok := a.(failover.Propose); ok {
					waiting = append(waiting, p.Body)
				}
			}
			for len(waiting) > 0 && rapid.IntRange(0, 2).Draw(t, "commit") > 0 {
				body := waiting[0]
				waiting = waiting[1:]
				if rapid.IntRange(0, 5).Draw(t, "lost") == 0 {
					continue
				}
				before := r.state
				r.state, _ = cluster.Apply(r.state, r.state.Index+1, cluster.Command{Body: body})
				if len(before.Events) != len(r.state.Events) { // members go up and down, so the same words may be right again
					maps.DeleteFunc(r.proposed, func(key string, _ time.Time) bool { return strings.HasPrefix(key, "cluster.Judge ") })
				}
				for _, a := range step(failover.Committed{State: r.state}) {
					if p, ok := a.(failover.Propose); ok {
						waiting = append(waiting, p.Body)
					}
				}
			}
		}
	})
}

func founded(t rapid.TB, n int) cluster.State {
	s, out := cluster.Apply(cluster.New("c"), 1, cluster.Command{Body: cluster.SetSpec{Spec: testSpec(n)}})
	if out.Result != cluster.Accepted {
		t.Fatalf("%s", out.Reason)
	}
	for i := range n {
		s, _ = cluster.Apply(s, s.Index+1, cluster.Command{Body: cluster.Admit{Node: nodes[i], Install: uint64(i + 1), Boot: 1}})
	}
	return s
}

// TestManyMembers shows that a leader with more to judge than may be under way at
// once judges all of it in the end, and each member once.
func TestManyMembers(t *testing.T) {
	spec := testSpec(3)
	for i := range 400 {
		spec.Pools[0].Members = append(spec.Pools[0].Members, cluster.MemberSpec{Name: fmt.Sprint("m", i), Address: "10.9.0.2", Port: 1000 + i})
	}
	state := founded(t, 3)
	state, out := cluster.Apply(state, state.Index+1, cluster.Command{Body: cluster.SetSpec{Spec: spec}})
	if out.Result != cluster.Accepted {
		t.Fatal(out.Reason)
	}
	m := failover.New("n1", 1, 1, params)
	now := time.Unix(1000, 0)
	m.Step(now, failover.Committed{State: state})
	m.Step(now, failover.LeaderChanged{Leads: true})
	var members []failover.MemberReport
	for _, mem := range slices.Backward(spec.Members()) { // not sorted
		members = append(members, failover.MemberReport{ID: mem.ID, Condition: cluster.Up, Reason: "answers"})
	}
	asked := map[cluster.MemberID]int{}
	actions := m.Step(now, failover.Report{Node: "n1", Install: 1, Boot: 1, Seq: 1, Members: members})
	if len(actions) == 0 || len(actions) > 256 {
		t.Fatalf("%d proposals at once", len(actions))
	}
	for len(actions) > 0 {
		var next []failover.Action
		for _, a := range actions {
			body := a.(failover.Propose).Body
			asked[body.(cluster.Judge).Member]++
			state, _ = cluster.Apply(state, state.Index+1, cluster.Command{Body: body})
			next = append(next, m.Step(now, failover.Committed{State: state})...)
		}
		actions = next
	}
	if want := len(spec.Members()) - 2; len(asked) != want { // n2 and n3 were not heard
		t.Errorf("%d of %d members were judged", len(asked), want)
	}
	for id, n := range asked {
		if n != 1 {
			t.Errorf("%s was judged %d times", id, n)
		}
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	for _, pools := range []int{1, 20, 100} {
		spec := testSpec(5)
		for i := range pools - 1 {
			p := spec.Pools[0]
			p.Name = fmt.Sprint("pool", i)
			spec.Pools = append(spec.Pools, p)
		}
		state := founded(b, 5)
		state, _ = cluster.Apply(state, state.Index+1, cluster.Command{Body: cluster.SetSpec{Spec: spec}})
		for _, mem := range spec.Members() {
			state, _ = cluster.Apply(state, state.Index+1, cluster.Command{Body: cluster.Judge{Member: mem.ID, Condition: cluster.Up}})
		}
		m := failover.New("n1", 1, 1, params)
		now := time.Unix(1000, 0)
		m.Step(now, failover.Committed{State: state})
		m.Step(now, failover.LeaderChanged{Leads: true})
		reports := map[cluster.NodeID][]failover.MemberReport{}
		for _, mem := range spec.Members() {
			for _, n := range nodes {
				if mem.Node == n || (mem.Agentless() && n < "n4") {
					reports[n] = append(reports[n], failover.MemberReport{ID: mem.ID, Condition: cluster.Up, Reason: "answers"})
				}
			}
		}
		seq := uint64(0)
		beat := func() {
			seq++
			now = now.Add(20 * time.Millisecond)
			n := nodes[seq%5]
			if got := m.Step(now, failover.Report{Node: n, Install: ordinal(n), Boot: 1, Seq: seq, Members: reports[n]}); len(got) > 0 {
				b.Fatalf("%+v", got)
			}
		}
		b.Run(fmt.Sprintf("beat, %d members", len(spec.Members())), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				beat()
			}
		})
		b.Run(fmt.Sprintf("beat and tick, %d members", len(spec.Members())), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				beat()
				m.Step(now, failover.Tick{Heard: nodes})
			}
		})
	}
}
