// SPDX-License-Identifier: Apache-2.0

package timeline_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

const ms = time.Millisecond

// few is a promise that was kept with little ado.
func few() script.Report {
	at := func(d int) time.Duration { return time.Duration(d) * ms }
	server := func(when int, lb, from, to string, state script.State, why string) script.Moment {
		return script.Moment{At: at(when), Lane: lb + "/haproxy", Kind: "balancer.server", What: "web/web1: " + from + " → " + to, Reason: why, Subject: "web/web1", State: state, Bad: state != script.StateServes, Good: state == script.StateServes}
	}
	const silent = "nothing was heard of it for 312ms"
	return script.Report{
		File: "scenarios/balance/dead-node-is-drained.txt", Promise: "A dead node is drained on every balancer.", Cluster: script.Cluster{Web: 3, Balancers: 2, Clients: 100},
		Steps: 6, Took: at(4300),
		Results: []script.Result{
			{Line: 5, Text: "never web/web2 drained", Verdict: script.OK},
			{Line: 6, Text: "wait 500ms", Verdict: script.OK, Took: at(500)},
			{Line: 7, Text: "kill web1", Verdict: script.OK, Began: at(500)},
			{Line: 8, Text: "expect web/web1 out within 5s", Verdict: script.OK, Seen: "web/web1 is MAINT on lb2", Began: at(500), Took: at(700)},
			{Line: 9, Text: "start web1", Verdict: script.OK, Began: at(1200)},
			{Line: 10, Text: "expect well within 20s", Verdict: script.OK, Seen: "all is well", Began: at(1200), Took: at(3100)},
		},
		Moments: []script.Moment{
			{At: 0, Lane: script.LaneScript, Kind: script.KindNever, What: "never web/web2 drained"},
			{At: at(500), Lane: script.LaneFault, Kind: script.KindFault, What: "kill web1", Bad: true},
			{At: at(560), Lane: script.LaneClient, Kind: script.KindFailed, What: "2 requests failed within 40ms", Bad: true},
			{At: at(812), Lane: "web1", Kind: "node.suspect", What: "web1, says lb1", Reason: silent, Bad: true, State: script.StateSuspect},
			server(818, "lb1", "UP", "DRAIN", script.StateDrained, "node web1 is suspect: "+silent),
			server(831, "lb2", "UP", "DRAIN", script.StateDrained, "node web1 is suspect: "+silent),
			{At: at(1004), Lane: "web1", Kind: "node.condemned", What: "web1: alive → down", Reason: "4 of 5 voters do not hear it: lb1, lb2, web2, web3", Bad: true, State: script.StateDown},
			server(1020, "lb2", "DRAIN", "MAINT", script.StateOut, "node web1 is down: 4 of 5 voters do not hear it"),
			server(1031, "lb1", "DRAIN", "MAINT", script.StateOut, "node web1 is down: 4 of 5 voters do not hear it"),
			{At: at(1200), Lane: script.LaneScript, Kind: script.KindExpect, What: "expect web/web1 out within 5s", Good: true},
			{At: at(1200), Lane: script.LaneFault, Kind: script.KindFault, What: "start web1", Good: true},
			{At: at(2100), Lane: script.LaneCluster, Kind: "cluster.leader", What: "lb1", Reason: "elected in term 4"},
			{At: at(2300), Lane: "web1", Kind: "node.admitted", What: "web1: down → alive", Reason: "it began life 2", Good: true, State: script.StateAlive},
			server(3900, "lb1", "MAINT", "UP", script.StateServes, "its check passes"),
			server(4000, "lb2", "MAINT", "UP", script.StateServes, "its check passes"),
			{At: at(4300), Lane: script.LaneScript, Kind: script.KindExpect, What: "expect well within 20s", Reason: "all is well", Good: true},
		},
	}
}

// moved is a promise about an address that went from one node to another, was nobody's for a while, and went to a third.
func moved() script.Report {
	at := func(d int) time.Duration { return time.Duration(d) * ms }
	given := func(when int, from, to, why string) script.Moment {
		return script.Moment{At: at(when), Lane: "vip", Kind: "resource.given", What: "vip: " + from + to, Reason: why, State: script.HeldBy(to), Good: from == ""}
	}
	return script.Report{
		File: "address/holder-cut-off-is-taken-over.txt", Promise: "A holder cut off is taken over by another node.",
		Cluster: script.Cluster{Web: 1, Balancers: 3, Clients: 100, ClientsTo: "vip", Resources: []script.Resource{{Name: "vip"}, {Name: "ip-2"}}},
		Steps:   3, Took: at(5000),
		Results: []script.Result{
			{Line: 3, Text: "never vip on two nodes", Verdict: script.OK},
			{Line: 6, Text: "cut lb1", Verdict: script.OK},
			{Line: 7, Text: "expect vip on lb2 within 10s", Verdict: script.OK, Seen: "lb2 says: vip is held on lb2", Took: at(1434)},
		},
		Moments: []script.Moment{
			given(0, "", "lb1", "so it began"),
			{At: 0, Lane: script.LaneFault, Kind: script.KindFault, What: "cut lb1", Bad: true},
			{At: at(312), Lane: "lb1", Kind: "node.condemned", What: "lb1: alive → down", Reason: "not heard by lb2, web1", Bad: true, State: script.StateDown},
			{At: at(1010), Lane: script.LaneClient, Kind: script.KindFailed, What: "140 requests failed within 1.4s", Bad: true},
			given(1369, "lb1 → ", "lb2", "node lb1 is down, and its right has run out (web1, lb2)"),
			{At: at(2500), Lane: "vip", Kind: "resource.let-go", What: "vip: lb2", Reason: "the script asks for it", Bad: true, State: script.StateNobody},
			given(3100, "", "lb3", "nobody held it; node lb3 can hold it"),
			given(4990, "lb3 → ", "lb2", "the script asks for it"),
		},
	}
}

// many is a promise that was broken after much had happened in many places.
func many() script.Report {
	r := script.Report{
		File: "scenarios/network/flapping-node-does-not-take-others-along.txt", Promise: "A node whose network comes and goes takes nobody else along, whatever else is done to the cluster <meanwhile> & however long it lasts.",
		Cluster: script.Cluster{Web: 3, Balancers: 2, Witnesses: 1, Plain: 1, Clients: 50}, Steps: 40, Took: 30 * time.Second,
	}
	add := func(at time.Duration, m script.Moment) { m.At = at; r.Moments = append(r.Moments, m) }
	line := 6
	for i := range 12 {
		t := time.Duration(i)*2400*ms + 400*ms
		node, state := fmt.Sprintf("web%d", i%3+1), script.StateOut
		add(t, script.Moment{Lane: script.LaneFault, Kind: script.KindFault, What: "cut " + node + " from everybody else", Bad: true})
		add(t+310*ms, script.Moment{Lane: node, Kind: "node.suspect", What: node + ", says lb1", Reason: "nothing was heard of it for 310ms", Bad: true, State: script.StateSuspect})
		add(t+520*ms, script.Moment{Lane: node, Kind: "node.quorum", What: node, Reason: "no quorum: 1 of 6 voters", Bad: true, State: script.StateNoQuorum})
		if i%3 == 0 {
			add(t+700*ms, script.Moment{Lane: node, Kind: "node.condemned", What: node + ": alive → down", Reason: "5 of 6 voters do not hear it", Bad: true, State: script.StateDown})
		} else {
			state = script.StateDrained
		}
		for _, lb := range []string{"lb1", "lb2"} {
			add(t+330*ms, script.Moment{Lane: lb + "/haproxy", Kind: "balancer.server", Subject: "web/" + node, State: state, What: "web/" + node + ": UP → MAINT", Bad: true})
			add(t+1800*ms, script.Moment{Lane: lb + "/haproxy", Kind: "balancer.server", Subject: "web/" + node, State: script.StateServes, What: "web/" + node + ": MAINT → UP", Good: true})
		}
		add(t+1200*ms, script.Moment{Lane: script.LaneFault, Kind: script.KindFault, What: "heal " + node, Good: true})
		add(t+1500*ms, script.Moment{Lane: node, Kind: "node.admitted", What: node + ": down → alive", Reason: "it began a new life", Good: true, State: script.StateAlive})
		add(t+350*ms, script.Moment{Lane: script.LaneClient, Kind: script.KindFailed, What: "a request failed", Bad: true})
		if i%4 == 1 {
			add(t+100*ms, script.Moment{Lane: script.LaneOperator, Kind: script.KindOrder, What: "drain web/app1 deadline 5s at lb1"})
			add(t+900*ms, script.Moment{Lane: script.LaneCluster, Kind: "cluster.leader", What: "wit1", Reason: "elected"})
			add(t+950*ms, script.Moment{Lane: "lb2/haproxy", Kind: "balancer.out-of-step", What: "lb2", Reason: "its socket does not answer", State: script.StateNotInStep, Bad: true})
			add(t+1950*ms, script.Moment{Lane: "lb2/haproxy", Kind: "balancer.in-step", What: "lb2", State: script.StateInStep, Good: true})
		}
		for _, text := range []string{"cut " + node, fmt.Sprintf("expect web/%s drained within 5s", node), "heal", fmt.Sprintf("expect web/%s serves within 10s", node)} {
			res := script.Result{Line: line, Text: text, Verdict: script.OK, Began: t, Took: 340 * ms}
			if text == "heal" || line%4 == 1 {
				res.Began, res.Took = t+1200*ms, 650*ms
			}
			r.Results = append(r.Results, res)
			line++
		}
	}
	add(29*time.Second, script.Moment{Lane: "wit1", Kind: "node.left", What: "wit1: alive → left", State: script.StateLeft})
	slices.SortStableFunc(r.Moments, func(a, b script.Moment) int { return cmp.Compare(a.At, b.At) })
	r.Results = append(r.Results, script.Result{Line: line, Text: "expect well within 2s", Verdict: script.Failed, Began: 28 * time.Second, Took: 2 * time.Second, Seen: "lb1 says degraded: node web3 has 1 of 2 rails up"})
	r.Failure = &script.Failure{Line: line, Text: "expect well within 2s", Verdict: script.Failed, Seen: "lb1 says degraded: node web3 has 1 of 2 rails up", At: 30 * time.Second}
	return r
}
