// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"strings"
	"testing"
)

// story is a script that is played on a small cluster, with a client, to see that the stage does what the lines say.
type story struct {
	name  string
	head  string // instead of the usual cluster
	steps string // a line each, or several with a semicolon between them
	fails string // words of the report; empty = the script is kept
}

func (s story) text() string {
	head := s.head
	if head == "" {
		head = "cluster 3 web, 2 balancers;client 100/s"
	}
	lines := strings.Split("promise "+s.name+".;world sim;"+head+";"+s.steps+";wait 1ms;expect leader within 20s", ";")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n") + "\n"
}

// twoHolders is a cluster whose address either balancer may hold.
const twoHolders = "cluster 2 web, 2 balancers;resource vip on lb1,lb2 balancer;client 100/s to vip"

func stories() []story {
	return []story{
		{name: "A dead application loses what is in flight alone", steps: "never lost more than 5; crash app web1; wait 3s; expect web/web1 out"},
		{name: "A hanging application costs time, and what was in flight", steps: "never lost more than 5; hang app web1; wait 5s"},
		{name: "A failing application loses requests until it is out", steps: "fail app web1; expect lost more than 20 within 3s"},
		{name: "A machine without power costs time", steps: "never lost more than 10; power off web1; wait 3s; start web1; expect well within 60s"},
		{name: "A client cannot ask through a balancer that is cut off", steps: "cut lb1; expect lost more than 50 within 2s"},
		{name: "Nobody asks through a balancer that is dead", steps: "never lost more than 5; kill haproxy lb1; wait 3s; start haproxy lb1; expect well within 60s"},
		{name: "Loss makes connections slow, not requests fail", steps: "never lost more than 20; loss 10%; wait 3s"},
		{name: "A cut costs more than nothing", steps: "never lost more than 0; fail app web2; wait 2s", fails: "requests failed"},

		{name: "To heal one machine leaves the others cut", head: "cluster 5 web", steps: "cut web1; cut web2; expect web2 is down within 5s; heal web1;" +
			"expect web1 is alive within 30s; wait 3s; expect web2 is down"},
		{name: "To heal one machine does not mend the rails of the others", steps: "cut rail 1; cut rail 2; heal web1; expect no quorum within 5s; wait 2s;" +
			"expect no quorum; heal; expect well within 60s"},
		{name: "A machine is spared alone", steps: "loss 100%; heal web1; wait 1s; expect quorum on web1; expect no quorum on web2; heal; expect well within 90s"},
		{name: "A cut between two is healed with either", steps: "cut web1 from lb1; expect web/web1 drained on lb1 within 5s; heal web1; expect well within 20s"},
		{name: "Kept frames come in the end", steps: "hold 3s; expect no quorum within 2s; expect well within 60s"},
		{
			name: "What is kept on the way to an application keeps requests as well", head: "cluster 3 web, 1 balancer, 1 plain",
			steps: "hold 10s app1; expect web/app1 out within 9s; expect web/app1 serves within 20s",
		},

		{name: "A machine freezes twice", steps: "freeze web1 3s; wait 1s; freeze web1 5s; expect web/web1 out within 3s; wait 1s; expect web1 is down; expect well within 60s"},
		{name: "A balancer machine freezes", steps: "freeze lb1 4s; expect lb1 is down within 3s; expect well within 60s"},
		{name: "A machine without Evenkeel freezes", head: "cluster 3 web, 1 balancer, 1 plain", steps: "freeze app1 8s; expect web/app1 out within 8s; expect web/app1 serves within 20s"},
		{name: "A frozen machine loses power", steps: "freeze web1 5s; power off web1; wait 6s; expect web1 is down; start web1; expect well within 60s"},
		{name: "A frozen machine whose Evenkeel was dead loses power", steps: "kill web1; freeze web1 5s; power off web1; wait 1s; start web1; expect well within 60s"},
		{name: "A frozen machine cannot be started", steps: "freeze web1 5s; start web1", fails: "web1 is frozen"},
		{name: "A frozen machine's clock can be bent", steps: "freeze web1 1s; clock rate web1 4%; expect well within 60s; wait 20s; expect well"},
		{name: "A pause within a freeze goes on", steps: "freeze web1 1s; pause web1 5s; wait 3s; expect web1 is down; expect well within 60s"},
		{name: "A shorter pause does not end a longer one", steps: "pause web1 6s; pause web1 1s; wait 4s; expect web1 is down; expect well within 60s"},
		{name: "A killed process is not paused in its next life", steps: "pause web1 30s; kill web1; start web1; expect well within 20s"},
		{name: "A paused process hears late that it should stop", steps: "pause web1 2s; stop web1; expect web/web1 out within 5s; start web1; expect well within 60s"},

		{name: "A start leaves a failing application alone", steps: "fail app web1; expect web/web1 out within 10s; start web1; wait 3s; expect web/web1 out"},
		{name: "A start starts a dead application", steps: "crash app web1; expect web/web1 out within 10s; start web1; expect well within 20s"},
		{
			name: "A new process without state file is a change", head: "cluster 2 web, 1 balancer;no state file",
			steps: "drain web/web1; expect web/web1 out within 10s; reload haproxy lb1; expect balancers unchanged within 50ms; wait 50ms; expect balancers unchanged", fails: "went from MAINT to UP",
		},
		{name: "A dead balancer shows nothing", head: "cluster 2 web, 1 balancer", steps: "kill haproxy lb1; expect web/web1 serves", fails: "no HAProxy runs"},
		{name: "A paused balancer that is named shows nothing", steps: "pause haproxy lb1 5s; expect web/web1 serves on lb1", fails: "its HAProxy does not run"},

		{name: "A node that ends does not answer", steps: "broken disk web1; drain web/web2 at web1", fails: "web1 ended before it answered"},
		{name: "A node without quorum refuses after its wait", steps: "cut web1; wait 2s; drain web/web2 at web1", fails: "the cluster did not confirm the change"},
		{name: "A node is not in a mode", steps: "active web1", fails: "node web1 is not in maintenance, it is active"},
		{name: "The values of the file can be changed", steps: "apply deadline 2s; apply slow-start 1s; apply floor 2; drain web/web1; drain web/web2 is refused"},

		{name: "Nobody has a guard that may hold nothing", head: twoHolders, steps: "kill guard web1", fails: "no guard runs there"},
		{name: "A guard stands still for as long as it is said", head: twoHolders, steps: "pause guard lb1 2s; expect vip gone from lb1 within 2s; expect vip on lb1 within 3s"},
		{name: "Nobody replaces a guard whose supervisor is dead", head: twoHolders, steps: "kill lb1; kill guard lb1; expect vip on lb2 within 5s; start lb1; expect well within 20s"},
		{name: "A guard that was killed cannot be paused", head: twoHolders, steps: "kill guard lb1; pause guard lb1 1s", fails: "no guard runs there"},
		{name: "A stranger on another machine answers instead", head: twoHolders, steps: "add vip by hand on web1; expect lost more than 20 within 3s; remove vip by hand on web1;" +
			"expect requests answered within 1s"},
		{name: "A stranger who loses power has nothing any more", head: twoHolders, steps: "add vip by hand on web1; power off web1; start web1; expect requests answered within 2s"},
		{name: "Nobody is given twice by hand", head: twoHolders, steps: "add vip by hand on lb1", fails: "lb1 has it already"},
		{name: "Nobody loses what he does not have", head: twoHolders, steps: "remove vip by hand on lb2", fails: "lb2 does not have it"},
		{name: "A move to whoever cannot hold it is refused", head: twoHolders, steps: "kill haproxy lb2; wait 1s; move vip to lb2 is refused; move vip to web1 is refused"},
		{name: "The address of a balancer without members is answered", head: "cluster 3 balancers;resource vip;client 50/s to vip", steps: "never lost more than 0; wait 2s; expect requests answered"},
		{name: "A dead HAProxy answers nobody at its address", head: "cluster 2 web, 2 balancers;resource vip on lb1,lb2;client 50/s to vip", steps: "kill haproxy lb1; expect lost more than 20 within 2s; expect vip on lb1"},
		{name: "The script begins where it says", head: "cluster 2 web, 2 balancers;resource vip on lb1,lb2 prefer lb2;resource ip-2 on web2,lb1", steps: "expect vip on lb2; expect ip-2 on web2"},
		{name: "A holder that stands still with its clock is not one of two", head: twoHolders, steps: "freeze lb1 20s; expect vip on lb2 within 5s; wait 20s; expect vip on lb2"},

		{name: "Eight rails are enough", head: "cluster 3 web;rails 8", steps: "loss 20%; cut rail 8 of web1; wait 2s; cut web2; expect web2 is down within 5s; heal; expect well within 60s"},
		{name: "Witnesses are a cluster", head: "cluster 3 witnesses", steps: "kill wit1; expect wit1 is down within 5s; expect leader within 5s"},
		{name: "Applications without nodes are a pool", head: "cluster 1 balancer, 2 plain;client 10/s", steps: "crash app app1; expect web/app1 out within 20s"},
		{name: "A slow disk is mended at once", steps: "slow disk web3 10s; drain web/web1 at lb1; wait 100ms; mend disk web3; ready web/web1 at web3"},
	}
}

func TestStories(t *testing.T) {
	for _, st := range stories() {
		t.Run(st.name, func(t *testing.T) {
			s := parse(t, st.text())
			for seed := *stageFirst; seed < *stageFirst+*stageCount; seed++ {
				report, trace := play(t, s, seed)
				switch {
				case report.Kept() != (st.fails == ""), !strings.Contains(report.String(), st.fails):
					t.Errorf("seed %d: %s; want %q\n%s", seed, report, st.fails, strings.Join(trace, "\n"))
				}
			}
		})
	}
}
