// SPDX-License-Identifier: Apache-2.0

package moments_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// lines writes moments as a person would.
func lines(of []script.Moment) string {
	var b strings.Builder
	for _, m := range of {
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

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// local is what a node noticed by itself.
func local(at int, node, kind, subject, reason string) moments.Entry {
	return moments.Entry{At: ms(at), Notice: cluster.Notice{
		Node: cluster.NodeID(node), Event: cluster.Event{Kind: kind, Subject: subject, Reason: reason},
	}}
}

// committed is what was committed.
func committed(at int, kind, subject, from, to string) moments.Entry {
	return moments.Entry{At: ms(at), Notice: cluster.Notice{
		Event: cluster.Event{Index: uint64(1000 + at), Kind: kind, Subject: subject, From: from, To: to},
	}}
}

// TestToldOfResources: a resource has a lane of its own, and begins on whoever had it.
func TestToldOfResources(t *testing.T) {
	got := moments.Told(script.Cluster{Web: 1, Balancers: 2, Resources: []script.Resource{{Name: "vip"}, {Name: "ip-2"}}}, []moments.Entry{
		committed(-300, cluster.EventGiven, "vip", "", "lb1"),
		committed(10, cluster.EventRecalled, "vip", "lb1", "lb2"),
		committed(20, cluster.EventGiven, "vip", "lb1", "lb2"),
		committed(30, cluster.EventResource, "vip", "lb2", "ban"),
		committed(40, cluster.EventLetGo, "vip", "lb2", ""),
		committed(50, cluster.EventResource, "vip", "", "clear"),
		committed(60, cluster.EventGiven, "vip", "", "lb2"),
	})
	const want = `0s vip: resource.given vip: lb1 [on lb1]
10ms vip: resource.recalled vip: lb1 → lb2 []
20ms vip: resource.given vip: lb1 → lb2 [on lb2]
30ms vip: resource.admin vip: ban lb2 []
40ms vip: resource.let-go vip: lb2 [on nobody] bad
50ms vip: resource.admin vip: clear []
60ms vip: resource.given vip: lb2 [on lb2] good
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	quiet := moments.Told(script.Cluster{Balancers: 1, Resources: []script.Resource{{Name: "vip"}}}, []moments.Entry{committed(-9, cluster.EventGiven, "vip", "", "lb1")})
	if got := lines(quiet); got != "0s vip: resource.given vip: lb1 [on lb1]\n" {
		t.Errorf("where nothing happens: %s", got)
	}
}

func TestTold(t *testing.T) {
	got := moments.Told(script.Cluster{Web: 2, Balancers: 1}, []moments.Entry{
		local(-500, "web1", "cluster.leader", "web1", ""),
		committed(-400, cluster.EventAdmitted, "web2", "unknown", "alive"),
		local(10, "lb1", "cluster.leader", "web1", ""),
		local(20, "web1", "node.suspect", "web2", ""),
		committed(30, cluster.EventCondemned, "web2", "alive", "down"),
		local(31, "lb1", "node.suspect", "web2", ""),
		local(32, "web2", "node.quorum", "web2", "no quorum: 1 of 3"),
		local(33, "lb1", "balancer.out-of-step", "lb1", ""),
		local(34, "lb1", "balancer.server", "lb1:web/web2", ""),
		local(35, "lb1", "balancer.in-step", "lb1", ""),
		local(40, "lb1", "node.heard", "web2", ""),
		committed(50, cluster.EventAdmitted, "web2", "down", "alive"),
		local(60, "web2", "node.quorum", "web2", "a majority of voters stands behind this node again"),
		local(70, "web2", "cluster.leader", "stage", ""),
		local(80, "web2", "cluster.leader", "lb1", ""),
		local(80, "web1", "cluster.leader", "lb1", ""),
		committed(90, cluster.EventMemberHealth, "web/web1", "up", "down"),
		committed(95, cluster.EventMemberHealth, "web/web1", "down", "up"),
		local(96, "lb1", "node.halted", "lb1", "its disk is full"),
		committed(97, cluster.EventLeft, "web1", "alive", "left"),
		local(98, "lb1", "node.suspect", "web1", ""),
		committed(99, cluster.EventSpec, "stage", "1", "2"),
	})
	const want = `20ms web2: node.suspect web2, says web1 [suspect] bad
30ms web2: node.condemned web2: alive → down [down] bad
31ms web2: node.suspect web2, says lb1 [] bad
32ms web2: node.quorum web2 [] bad
33ms lb1/haproxy: balancer.out-of-step lb1 [not in step] bad
34ms lb1: balancer.server lb1:web/web2 []
35ms lb1/haproxy: balancer.in-step lb1 [in step] good
40ms web2: node.heard web2, says lb1 [] good
50ms web2: node.admitted web2: down → alive [alive] good
60ms web2: node.quorum web2 [alive] good
70ms web2: cluster.leader stage [] bad
80ms cluster: cluster.leader lb1 []
90ms web1: member.health web/web1: up → down [] bad
95ms web1: member.health web/web1: down → up [] good
96ms lb1: node.halted lb1 [] bad
97ms web1: node.left web1: alive → left [left]
98ms web1: node.suspect web1, says lb1 [] bad
99ms cluster: spec.applied stage: 1 → 2 []
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSuspicionOfABlindNode: who hears no majority, or has no quorum, tells nothing of the others.
func TestSuspicionOfABlindNode(t *testing.T) {
	got := moments.Told(script.Cluster{Web: 3}, []moments.Entry{
		local(300, "web3", "node.suspect", "web1", ""),
		local(300, "web1", "node.suspect", "web3", ""),
		local(300, "web3", "node.suspicion-held", "web1", "no majority of voters was heard just now"),
		local(301, "web3", "node.suspect", "web2", ""),
		local(302, "web3", "node.suspicion-held", "web2", "of another time"),
		local(310, "web2", "node.heard", "web3", ""),
		local(500, "web3", "node.quorum", "web3", "no quorum: 1 of 3"),
		local(600, "web3", "node.suspect", "web1", ""),
		local(700, "web3", "node.quorum", "web3", "a majority of voters stands behind this node again"),
		local(800, "web3", "node.suspect", "web1", ""),
	})
	const want = `300ms web1: node.suspect web1, says web3 [] bad
300ms web3: node.suspect web3, says web1 [suspect] bad
300ms web1: node.suspicion-held web1, says web3 []
301ms web2: node.suspect web2, says web3 [suspect] bad
302ms web2: node.suspicion-held web2, says web3 []
310ms web3: node.heard web3, says web2 [alive] good
500ms web3: node.quorum web3 [no quorum] bad
600ms web1: node.suspect web1, says web3 [] bad
700ms web3: node.quorum web3 [alive] good
800ms web1: node.suspect web1, says web3 [suspect] bad
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestShown(t *testing.T) {
	up := moments.Server{Words: "UP", Serves: true}
	drain, maint, down := moments.Server{Words: "DRAIN"}, moments.Server{Words: "MAINT"}, moments.Server{Words: "DOWN"}
	got := moments.Shown("lb1", []moments.Change{
		{At: ms(5), Server: "web/web1", From: up, To: drain},
		{At: ms(6), Server: "web/web1", From: drain, To: maint},
		{At: ms(7), Server: "web/web1", From: maint, To: up},
		{At: ms(8), Server: "web/web1", From: up, To: up},
		{At: ms(9), Server: "web/web1", From: up, To: down},
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
	got := moments.Failed([]moments.Failure{{ms(20), 1}, {ms(600), 3}, {ms(1100), 1}, {ms(3000), 2}}, ms(10))
	const want = `20ms client: failed requests a request failed [] bad
600ms client: failed requests 4 requests failed within 510ms [] bad
3s client: failed requests 2 requests failed within 10ms [] bad
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := moments.Failed(nil, ms(10)); got != nil {
		t.Errorf("nothing failed, and is told as %v", got)
	}
}

func TestDone(t *testing.T) {
	got := []script.Moment{
		moments.OfFault(ms(1), script.Fault{Kind: script.Kill, Node: "web1"}),
		moments.OfFault(ms(2), script.Fault{Kind: script.Start, Node: "web1"}),
		moments.OfResumed(ms(3), "web1", nil),
		moments.OfResumed(ms(4), "web1", errors.New("it has no process")),
		moments.OfOrder(ms(5), "lb1", script.Order{Verb: script.Drain, Target: "web/web1", Refused: true}, errors.New("the floor")),
	}
	const want = `1ms fault: fault kill web1 [] bad
2ms fault: fault start web1 [] good
3ms fault: fault web1 goes on [] good
4ms fault: fault web1 does not go on [] bad
5ms operator: order drain web/web1 at lb1 []
`
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[3].Reason != "it has no process" || got[4].Reason != "the floor" {
		t.Errorf("%+v", got[3:])
	}
}
