// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// begun is a stage that nothing happened on, which began at a round second.
func begun() *Stage {
	return &Stage{
		opts: Options{Cluster: script.Cluster{Web: 2, Balancers: 1}}, journal: newJournal(), start: time.Unix(1_000_000, 0),
	}
}

// lines writes moments as a person would.
func lines(moments []script.Moment) string {
	var b strings.Builder
	for _, m := range moments {
		turned := ""
		if m.Bad {
			turned = " bad"
		}
		if m.Good {
			turned += " good"
		}
		fmt.Fprintf(&b, "%s %s: %s %s [%s]%s\n", m.At, m.Lane, m.Kind, m.What, m.State, turned)
	}
	return b.String()
}

func TestTold(t *testing.T) {
	s := begun()
	local := func(ms int64, node, kind, subject, reason string) {
		s.journal.add(cluster.Notice{
			Node:  cluster.NodeID(node),
			Event: cluster.Event{At: 1_000_000_000 + ms, Kind: kind, Subject: subject, Reason: reason},
		})
	}
	committed := func(ms int64, kind, subject, from, to string) {
		for _, node := range []cluster.NodeID{"web1", "lb1"} { // each tells it
			s.journal.add(cluster.Notice{Node: node, Event: cluster.Event{
				Index: uint64(1000 + ms), At: 1_000_000_000 + ms, Kind: kind, Subject: subject, From: from, To: to,
			}})
		}
	}
	local(-500, "web1", "cluster.leader", "web1", "")
	committed(-400, cluster.EventAdmitted, "web2", "unknown", "alive")
	local(10, "lb1", "cluster.leader", "web1", "")
	local(20, "web1", "node.suspect", "web2", "")
	committed(30, cluster.EventCondemned, "web2", "alive", "down")
	local(31, "lb1", "node.suspect", "web2", "")
	local(32, "web2", "node.quorum", "web2", "no quorum: 1 of 3")
	local(33, "lb1", "balancer.out-of-step", "lb1", "")
	local(34, "lb1", "balancer.server", "lb1:web/web2", "")
	local(40, "lb1", "node.heard", "web2", "")
	committed(50, cluster.EventAdmitted, "web2", "down", "alive")
	local(60, "web2", "node.quorum", "web2", "a majority of voters stands behind this node again")
	local(70, "web2", "cluster.leader", "stage", "")
	local(80, "web2", "cluster.leader", "lb1", "")
	local(80, "web1", "cluster.leader", "lb1", "")
	committed(90, cluster.EventMemberHealth, "web/web1", "up", "down")
	committed(95, cluster.EventMemberHealth, "web/web1", "down", "up")
	committed(99, cluster.EventSpec, "stage", "1", "2")
	const want = `20ms web2: node.suspect web2, says web1 [suspect] bad
30ms web2: node.condemned web2: alive → down [down] bad
31ms web2: node.suspect web2, says lb1 [] bad
32ms web2: node.quorum web2 [] bad
33ms lb1/haproxy: balancer.out-of-step lb1 [not in step] bad
34ms lb1: balancer.server lb1:web/web2 []
40ms web2: node.heard web2, says lb1 [] good
50ms web2: node.admitted web2: down → alive [alive] good
60ms web2: node.quorum web2 [alive] good
70ms web2: cluster.leader stage [] bad
80ms cluster: cluster.leader lb1 []
90ms web1: member.health web/web1: up → down [] bad
95ms web1: member.health web/web1: down → up [] good
99ms cluster: spec.applied stage: 1 → 2 []
`
	if diff := cmp.Diff(want, lines(s.told())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestShown(t *testing.T) {
	s := begun()
	web1 := haproxy.Server{Backend: "web", Name: "web1"}
	at := func(ms int) time.Time { return s.start.Add(time.Duration(ms) * time.Millisecond) }
	got := s.shown("lb1", []haproxy.Change{
		{Server: web1, From: haproxy.State{Op: 2, Weight: 1}, To: haproxy.State{Op: 2, Admin: 8, Weight: 1}, At: at(5)},
		{Server: web1, From: haproxy.State{Op: 2, Admin: 8, Weight: 1}, To: haproxy.State{Admin: 1, Weight: 1}, At: at(6)},
		{Server: web1, From: haproxy.State{Admin: 1, Weight: 1}, To: haproxy.State{Op: 2, Weight: 1}, At: at(7)},
		{Server: web1, From: haproxy.State{Op: 2, Weight: 1}, To: haproxy.State{Op: 2, Weight: 9}, At: at(8)},
		{Server: web1, From: haproxy.State{Op: 2, Weight: 9}, To: haproxy.State{Weight: 9}, At: at(9)},
	})
	const want = `5ms lb1/haproxy: balancer.server web/web1: UP → DRAIN [drained] bad
6ms lb1/haproxy: balancer.server web/web1: DRAIN → MAINT [out]
7ms lb1/haproxy: balancer.server web/web1: MAINT → UP [serves] good
9ms lb1/haproxy: balancer.server web/web1: UP → DOWN [drained] bad
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[0].Subject != "web/web1" {
		t.Errorf("the subject is %q", got[0].Subject)
	}
}

func TestFailed(t *testing.T) {
	s := begun()
	bucket := func(ms, failed int) load.Bucket {
		return load.Bucket{At: s.start.Add(time.Duration(ms) * time.Millisecond), Failed: failed}
	}
	got := s.failed([]load.Bucket{bucket(10, 0), bucket(20, 1), bucket(500, 0), bucket(600, 3), bucket(1100, 1), bucket(2000, 0)})
	const want = `20ms client: failed requests a request failed [] bad
600ms client: failed requests 4 requests failed within 510ms [] bad
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.failed(nil); got != nil {
		t.Errorf("nothing failed, and is told as %v", got)
	}
}

func TestChange(t *testing.T) {
	for target, want := range map[string]string{
		"floor 3": "3 0s 0s", "deadline 30s": "1 30s 0s", "slow-start 2s": "1 0s 2s",
		"floor": "", "floor many": "", "deadline 5": "", "weight 7": "", "": "",
	} {
		var p cluster.PoolSpec
		got := ""
		if err := change(&p, target); err == nil {
			got = fmt.Sprintf("%d %s %s", p.Drain.Least(), p.Drain.Deadline, p.SlowStart)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", target, got, want)
		}
	}
}
