// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

func drain(member string) cluster.SetMember {
	id, err := cluster.ParseMemberID(member)
	if err != nil {
		panic(err)
	}
	return cluster.SetMember{Member: id, Admin: cluster.AdminDrain}
}

func TestMemberIsDrainedAndBack(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		w.ms[1].say("web/n2", health.Down)
		w.everywhere(w.ms, "web/n2", "out")
		w.ms[1].say("web/n2", health.Up)
		w.everywhere(w.ms, "web/n2", "serve")

		out, err := w.ms[2].node.Submit(w.t.Context(), "tester", drain("web/n1"))
		if err != nil || out.Result != cluster.Accepted {
			w.t.Fatalf("drain: %+v, %v", out, err)
		}
		w.everywhere(w.ms, "web/n1", "drain")
	})
}

func TestMemberDiesWithItsNodeAndComesBack(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n3 := w.ms[2]
		if w.leader() == n3 {
			n3 = w.ms[1]
		}
		rest, member := w.without(n3), "web/"+n3.name
		n3.isolate()
		w.everywhere(rest, member, "out")
		for _, m := range rest {
			if diff := cmp.Diff([]string{"suspend", "out"}, m.history(member)[len(m.history(member))-2:]); diff != "" {
				w.t.Errorf("%s went another way (-want +got):\n%s", m.name, diff)
			}
		}
		w.everywhere([]*machine{n3}, member, "frozen")
		n3.rejoin()
		w.everywhere(w.ms, member, "serve")
		if !noticed(n3, "node.new-life") {
			w.t.Error("the node was condemned while it ran and began no new life")
		}
	})
}

func TestPartialPartitionCondemnsNobody(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		l := w.leader()
		rest := w.without(l)
		w.net.Cut(rest[0].name, rest[1].name)
		w.everywhere(rest[:1], "web/"+rest[1].name, "suspend")
		time.Sleep(10 * time.Second)
		for _, m := range w.ms {
			if noticed(m, "node.condemned") {
				w.t.Errorf("%s saw somebody condemned: %v", m.name, m.notices())
			}
		}
		if got := l.service("web/" + rest[1].name); got != "serve" {
			w.t.Errorf("the leader hears both and has duty %q, want serve", got)
		}
		w.net.Heal(rest[0].name, rest[1].name)
		w.everywhere(w.ms, "web/"+rest[1].name, "serve")
	})
}

func TestOneRailLostChangesNothing(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		w.net.CutRail(0)
		time.Sleep(5 * time.Second)
		w.net.HealRail(0)
		w.net.CutRail(1)
		time.Sleep(5 * time.Second)
		for _, m := range w.ms {
			if noticed(m, "node.suspect") {
				w.t.Errorf("%s suspected somebody: %v", m.name, m.notices())
			}
		}
	})
}

func TestMajorityLostFreezesEverything(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		before := w.ms[0].history("web/n2")
		w.ms[1].isolate()
		w.ms[2].isolate()
		w.everywhere(w.ms, "web/n1", "frozen")
		time.Sleep(5 * time.Second)
		v := w.ms[0].node.View()
		if v.Verdict != cluster.NoQuorumVerdict || len(v.Problems) == 0 {
			w.t.Errorf("verdict %q %v, want no-quorum with a reason", v.Verdict, v.Problems)
		}
		w.ms[0].say("web/n1", health.Down)
		if _, err := w.ms[0].node.Submit(w.t.Context(), "tester", drain("web/n3")); !errors.Is(err, core.ErrNoQuorum) {
			w.t.Errorf("submit without quorum: %v, want ErrNoQuorum", err)
		}
		if diff := cmp.Diff(before, w.ms[0].history("web/n2")); diff != "" {
			w.t.Errorf("a duty changed without quorum (-before +after):\n%s", diff)
		}
		w.ms[0].say("web/n1", health.Up)
		w.ms[1].rejoin()
		w.ms[2].rejoin()
		w.everywhere(w.ms, "web/n2", "serve")
	})
}

func TestLeaderDiesAndMembersStay(t *testing.T) {
	inBubble(t, 5, func(w *world) {
		w.form()
		old := w.leader()
		rest := w.without(old)
		old.crash()
		w.eventually("another leads", func() bool {
			l := rest[0].node.View().Leader
			return l != "" && l != cluster.NodeID(old.name) && rest[1].node.View().Leader == l
		})
		w.everywhere(rest, "web/"+old.name, "out")
		for _, m := range rest {
			for _, o := range rest {
				if got := m.history("web/" + o.name); slices.Contains(got, "drain") || slices.Contains(got, "out") || slices.Contains(got, "suspend") {
					w.t.Errorf("on %s the member of %s went %v when another node's supervisor died", m.name, o.name, got)
				}
			}
		}
	})
}

func TestAllCrashAndComeBackAsTheyWere(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		if out, err := w.ms[0].node.Submit(w.t.Context(), "tester", drain("web/n1")); err != nil || out.Result != cluster.Accepted {
			w.t.Fatalf("drain: %+v, %v", out, err)
		}
		w.everywhere(w.ms, "web/n1", "drain")
		for _, m := range w.ms {
			m.isolate()
		}
		for _, m := range w.ms {
			m.crash()
		}
		for _, m := range w.ms {
			m.start()
			time.Sleep(700 * time.Millisecond) // machines do not start together
		}
		w.eventually("the cluster is back", func() bool { return w.allAlive(w.ms...) })
		w.everywhere(w.ms, "web/n1", "drain")
		for _, m := range w.ms {
			m.say("web/"+m.name, health.Up)
		}
		time.Sleep(2 * time.Second)
		for _, m := range w.ms {
			for _, id := range []string{"web/n2", "web/n3"} {
				if diff := cmp.Diff([]string{"serve"}, m.history(id)); diff != "" {
					w.t.Errorf("%s on %s was needlessly touched (-want +got):\n%s", id, m.name, diff)
				}
			}
			if diff := cmp.Diff([]string{"drain"}, m.history("web/n1")); diff != "" {
				w.t.Errorf("web/n1 on %s (-want +got):\n%s", m.name, diff)
			}
		}
	})
}

func TestWipedNodeJoinsAnew(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		for _, m := range []*machine{w.ms[0], w.ms[1], w.ms[2]} {
			m.crash()
			m.disk = memwal.New(m.disk.Install() + 500)
			time.Sleep(2 * time.Second)
			m.start()
			w.eventually(m.name+" joins with a new disk", func() bool { return w.allAlive(w.ms...) })
			m.say("web/"+m.name, health.Up)
			w.everywhere(w.ms, "web/"+m.name, "serve")
		}
		if got := w.ms[0].node.View().ClusterID; got == "" || got != w.ms[1].node.View().ClusterID {
			w.t.Error("the wiped founder founded a second cluster")
		}
	})
}

func TestTwoClustersOfOneNameStayApart(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		other := &world{t: w.t, net: w.net, spec: testSpec(2)}
		for i, name := range []string{"m1", "m2"} {
			other.spec.Nodes[i].Name = cluster.NodeID(name)
			other.ms = append(other.ms, &machine{w: other, name: name, disk: memwal.New(uint64(2000 + i))})
		}
		other.spec.Balancers[0].Nodes = []cluster.NodeID{"m1", "m2"}
		between := func(do func(a, b string)) {
			for _, a := range w.ms {
				for _, b := range other.ms {
					do(a.name, b.name)
				}
			}
		}
		between(w.net.Cut)
		w.form()
		other.form()
		defer func() {
			for _, m := range other.ms {
				m.shutDown()
			}
		}()
		between(w.net.Heal)
		time.Sleep(3 * time.Second)
		if w.ms[0].node.View().ClusterID == other.ms[0].node.View().ClusterID {
			w.t.Error("the two clusters have one id")
		}
		for _, m := range slices.Concat(w.ms, other.ms) {
			if !noticed(m, "cluster.stranger") {
				w.t.Errorf("%s does not tell about the other cluster: %v", m.name, m.notices())
			}
			if v := m.node.View(); v.Verdict != cluster.WellVerdict || len(v.Nodes) != 2 {
				w.t.Errorf("%s: verdict %s %v with %d nodes", m.name, v.Verdict, v.Problems, len(v.Nodes))
			}
		}
	})
}

func TestNodeLeavesInGoodOrder(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n3 := w.ms[2]
		n3.shutDown()
		w.everywhere(w.ms[:2], "web/n3", "drain")
		w.eventually("n1 reads that it left", func() bool { return noticed(w.ms[0], "node.left n3") })
		if noticed(w.ms[0], "node.condemned") {
			w.t.Errorf("a node that stops in good order was condemned: %v", w.ms[0].notices())
		}
		n3.start()
		w.eventually("n3 is back", func() bool { return w.allAlive(w.ms...) })
		w.everywhere(w.ms, "web/n3", "serve")
	})
}

func TestDiskFailureStopsTheNodeOnly(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n2 := w.ms[1]
		n2.gate.smash(errors.New("input/output error"))
		if _, err := w.ms[0].node.Submit(w.t.Context(), "tester", drain("web/n3")); err != nil {
			w.t.Fatalf("two of three disks are enough: %v", err)
		}
		if err := <-n2.done; !errors.Is(err, node.ErrStorage) {
			w.t.Errorf("run ended with %v, want ErrStorage", err)
		}
		n2.stop()
		n2.stop = nil
		rest := w.without(n2)
		w.everywhere(rest, "web/n3", "drain")
		w.everywhere(rest, "web/n2", "out")
	})
}

func TestSubmitReachesTheLeaderFromAnywhere(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		for _, m := range w.ms {
			out, err := m.node.Submit(w.t.Context(), "tester", cluster.SetMode{Node: "n1", Mode: cluster.ModeMaintenance})
			if err != nil || out.Result != cluster.Accepted {
				w.t.Errorf("through %s: %+v, %v", m.name, out, err)
			}
		}
		out, err := w.ms[1].node.Submit(w.t.Context(), "tester", drain("web/nobody"))
		if err != nil || out.Result != cluster.Rejected || out.Reason == "" {
			w.t.Errorf("nonsense: %+v, %v; want a rejection with a reason", out, err)
		}
		synctest.Wait()
	})
}

func TestNewLifeIsNotBlamedForTheSilenceOfTheFormer(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		m := w.ms[1]
		// The wiped node is back at about the moment at which its silence is noticed.
		for ms := 190; ms < 310; ms += 3 {
			before := len(w.ms[0].notices())
			m.crash()
			m.disk = memwal.New(m.disk.Install() + 500)
			time.Sleep(time.Duration(ms) * time.Millisecond)
			m.start()
			w.eventually("it joins with a new disk", func() bool { return w.allAlive(w.ms...) })
			admitted := false
			for _, n := range w.ms[0].notices()[before:] {
				// The former life may be condemned before the new one is admitted, never the new one.
				if n == "node.condemned n2" && admitted {
					w.t.Errorf("back after %d ms: %v", ms, w.ms[0].notices()[before:])
				}
				admitted = admitted || n == "node.admitted n2"
			}
		}
	})
}

func TestDeadMemberStaysOutWhenItsNodeRestartsBeforeTheRecord(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		leader := w.leader()
		rest, member := w.without(leader), "web/"+leader.name
		before := map[*machine]int{}
		for _, m := range rest {
			before[m] = len(m.history(member))
		}
		leader.say(member, health.Down)
		synctest.Wait() // everybody has heard it; the leader dies before it records it
		leader.crash()
		time.Sleep(50 * time.Millisecond)
		leader.start()
		w.eventually("it is back", func() bool { return w.allAlive(w.ms...) })
		time.Sleep(2 * time.Second)
		for _, m := range rest {
			if got := m.history(member)[before[m]:]; slices.Contains(got, "serve") {
				w.t.Errorf("%s put a dead member back: %v", m.name, got)
			}
		}
		leader.say(member, health.Up)
		w.everywhere(w.ms, member, "serve")
	})
}
