// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

func (w *world) apply(by *machine, spec cluster.Spec) {
	w.t.Helper()
	out, err := by.node.Submit(w.t.Context(), "tester", cluster.SetSpec{Spec: spec})
	if err != nil || out.Result != cluster.Accepted {
		w.t.Fatalf("apply: %+v, %v", out, err)
	}
	w.spec = spec
}

// beginFounding leaves on the disk what a crash in the middle of founding leaves.
func (m *machine) beginFounding(id string) {
	st, out := cluster.Apply(cluster.New(id), 1, cluster.Command{ID: id, Body: cluster.SetSpec{Spec: m.w.spec}})
	data, err := json.Marshal(st)
	if err != nil || out.Result != cluster.Accepted {
		m.w.t.Fatalf("%v, %+v", err, out)
	}
	if err := m.disk.Append(consensus.Found(consensus.Founder{ID: m.disk.Install(), Node: m.name, Data: data})); err != nil {
		m.w.t.Fatal(err)
	}
}

func TestStalledDiskStopsNoHeartbeat(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		old := w.leader()
		rest := w.without(old)
		old.gate.close()
		for i := range 3 { // writes begin, and more than one waits
			_, _ = rest[0].node.Submit(w.t.Context(), "tester", cluster.SetMode{
				Node: cluster.NodeID(rest[0].name), Mode: []cluster.Mode{cluster.ModeStandby, cluster.ModeActive}[i%2],
			})
		}
		w.eventually("another leads", func() bool {
			l := rest[0].node.View().Leader
			return l != "" && l != cluster.NodeID(old.name)
		})
		time.Sleep(20 * time.Second)
		for _, m := range rest {
			if noticed(m, "node.suspect") {
				w.t.Errorf("%s suspects the node with the slow disk: %v", m.name, m.notices())
			}
		}
		v := old.node.View()
		if !slices.ContainsFunc(v.Problems, func(p string) bool { return strings.Contains(p, "disk") }) {
			w.t.Errorf("the node with the slow disk does not say so: %v", v.Problems)
		}
		old.gate.open()
		if out, err := rest[0].node.Submit(w.t.Context(), "tester", drain("web/"+rest[1].name)); err != nil || out.Result != cluster.Accepted {
			w.t.Errorf("drain: %+v, %v", out, err)
		}
		w.everywhere(w.ms, "web/"+rest[1].name, "drain")
	})
}

func TestFoundingIsTakenUpAfterACrash(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.ms[0].beginFounding("begun")
		w.ms[0].start()
		time.Sleep(5 * time.Second)
		if id := w.ms[0].node.View().ClusterID; id != "" {
			t.Errorf("one of two voters founded cluster %s alone", id)
		}
		w.ms[1].start()
		w.eventually("the cluster forms", func() bool { return w.allAlive(w.ms...) })
		if id := w.ms[1].node.View().ClusterID; id != "begun" {
			t.Errorf("cluster %q, want the one that was begun", id)
		}
	})
}

func TestFoundingBegunElsewhereIsNotMixedIn(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n2 := w.ms[1]
		n2.crash()
		n2.disk = memwal.New(n2.disk.Install() + 500)
		n2.beginFounding("begun")
		n2.start()
		time.Sleep(10 * time.Second)
		v := n2.node.View()
		if v.ClusterID != "" || v.Leader != "" || v.Verdict != cluster.WaitingVerdict || !strings.Contains(v.Problems[0], "data directory") {
			t.Errorf("cluster %q, leader %q, %s %v", v.ClusterID, v.Leader, v.Verdict, v.Problems)
		}
	})
}

func TestFrameForAFormerInstallationIsNoInvitation(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n3 := w.ms[2]
		n3.crash()
		n3.disk = memwal.New(n3.disk.Install() + 500)
		for _, m := range w.ms[:2] {
			w.net.CutOneWay(n3.name, m.name) // it hears, and is not heard
		}
		n3.start()
		time.Sleep(10 * time.Second)
		if id := n3.node.View().ClusterID; id != "" {
			t.Errorf("nobody let the new installation in, and it joined %s", id)
		}
		n3.rejoin()
		w.eventually("it is let in", func() bool { return w.allAlive(w.ms...) })
	})
}

func TestNodeIsTakenOutOfTheFileAndPutBack(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n3, full := w.ms[2], w.spec
		without := testSpec(2)
		w.apply(w.ms[0], without)
		w.eventually("two are left", func() bool { return w.allAlive(w.ms[:2]...) })
		w.eventually("n3 knows", func() bool {
			v := n3.node.View()
			return v.Verdict == cluster.NoQuorumVerdict && strings.Contains(v.Problems[0], "not in the cluster file")
		})
		w.apply(w.ms[0], full)
		w.eventually("n3 is back", func() bool { return w.allAlive(w.ms...) })
		n3.say("web/n3", health.Up)
		w.everywhere(w.ms, "web/n3", "serve")
	})
}

func TestVoteIsLostAndGained(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.form()
		for _, votes := range []bool{false, true} {
			spec := testSpec(4)
			spec.Nodes[3].Vote = &votes
			w.apply(w.ms[3], spec)
			want := map[bool]string{true: "voter", false: "learner"}[votes]
			w.eventually("n4 is a "+want, func() bool {
				v := w.ms[0].node.View()
				return v.Nodes[3].Log == want && v.Nodes[3].Life == "alive" && w.ms[3].node.View().Quorum.Holds
			})
		}
	})
}

func TestLeaderHandsOverWhenItLeaves(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		old := w.leader()
		rest := w.without(old)
		before := time.Now()
		old.shutDown()
		w.eventually("another leads", func() bool {
			l := rest[0].node.View().Leader
			return l != "" && l != cluster.NodeID(old.name) && rest[1].node.View().Leader == l
		})
		if took := time.Since(before); took >= 16*25*time.Millisecond {
			t.Errorf("the cluster was without a leader for an election timeout: %s", took)
		}
		w.everywhere(rest, "web/"+old.name, "drain")
		for _, m := range rest {
			w.eventually("it is read that it left", func() bool { return noticed(m, "node.left "+old.name) })
			if noticed(m, "node.condemned") {
				t.Errorf("%s: %v", m.name, m.notices())
			}
		}
	})
}

func TestAuthorityRunsOutByItself(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n3 := w.ms[2]
		end := func() time.Time {
			n3.mu.Lock()
			defer n3.mu.Unlock()
			return n3.until
		}
		if left := time.Until(end()); left <= 0 || left > times.QuorumAge {
			t.Errorf("authority for %s more, want some, and at most %s", left, times.QuorumAge)
		}
		n3.isolate()
		synctest.Wait()
		if left := time.Until(end()); left > times.QuorumAge {
			t.Errorf("authority for %s more when cut off", left)
		}
		time.Sleep(times.QuorumAge)
		if left := time.Until(end()); left > 0 {
			t.Errorf("authority for %s more, %s after it was cut off", left, times.QuorumAge)
		}
	})
}

func TestCallersAreAnsweredWhenTheNodeStops(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n1 := w.ms[0]
		n1.isolate()
		time.Sleep(time.Second)
		answer := make(chan error, 1)
		begin := time.Now()
		go func() {
			_, err := n1.node.Submit(w.t.Context(), "tester", drain("web/n2"))
			answer <- err
		}()
		synctest.Wait()
		n1.shutDown()
		if err := <-answer; !errors.Is(err, node.ErrStopping) || time.Since(begin) > time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		begin = time.Now()
		if v := n1.node.View(); len(v.Problems) == 0 || time.Since(begin) > 0 {
			t.Errorf("a stopped node answers %v after %s", v.Problems, time.Since(begin))
		}
	})
}

func TestNoEventIsLostInABurst(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		n3 := w.ms[2]
		if w.leader() == n3 {
			n3 = w.ms[1]
		}
		by := w.without(n3)[0]
		n3.isolate()
		const changes = 2*cluster.EventsKept + 1
		for i := range changes {
			out, err := by.node.Submit(w.t.Context(), fmt.Sprint(i), cluster.SetMode{
				Node: "n1", Mode: []cluster.Mode{cluster.ModeMaintenance, cluster.ModeActive}[i%2],
			})
			if err != nil || out.Result != cluster.Accepted {
				t.Fatalf("%+v, %v", out, err)
			}
		}
		n3.rejoin()
		w.eventually("it catches up", func() bool { return n3.node.View().Index >= by.node.View().Index })
		got := 0
		for _, n := range n3.notices() {
			if strings.HasPrefix(n, "node.mode") {
				got++
			}
		}
		if got != changes {
			t.Errorf("%d events were told, want %d", got, changes)
		}
	})
}

func TestPlannedWorkIsNoProblem(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		for _, b := range []cluster.Body{
			cluster.SetMode{Node: "n3", Mode: cluster.ModeStandby}, drain("web/n2"),
		} {
			if out, err := w.ms[0].node.Submit(w.t.Context(), "tester", b); err != nil || out.Result != cluster.Accepted {
				t.Fatalf("%+v, %v", out, err)
			}
		}
		w.ms[2].say("web/n3", health.Down)
		time.Sleep(time.Second)
		if v := w.ms[0].node.View(); v.Verdict != cluster.WellVerdict {
			t.Errorf("%s: %v", v.Verdict, v.Problems)
		}
	})
}

func TestTwinOfALivingNodeDisturbsNothing(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.form()
		before := map[string]int{}
		for _, m := range w.ms {
			before[m.name] = len(m.history("web/n3"))
		}
		twin := &machine{w: w, name: "n3", disk: memwal.New(9000)}
		twin.start()
		defer twin.shutDown()
		time.Sleep(10 * time.Second)
		if id := twin.node.View().ClusterID; id != "" {
			t.Errorf("the twin was let into %s", id)
		}
		for _, m := range w.ms {
			if noticed(m, "node.suspect") || len(m.history("web/n3")) != before[m.name] {
				t.Errorf("%s: web/n3 went %v: %v", m.name, m.history("web/n3"), m.notices())
			}
		}
		if !noticed(w.leader(), "node.twin n3") {
			t.Errorf("nobody tells about the twin: %v", w.leader().notices())
		}
	})
}
