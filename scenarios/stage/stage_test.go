// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/scenarios/stage"
)

// TestStage plays on one cluster of two web nodes and a balancer. Every part begins and ends when all is well.
func TestStage(t *testing.T) {
	p := open(t, stage.Options{
		Name: "stgplay", Cluster: script.Cluster{Web: 2, Balancers: 1, Clients: 50, Deadline: 20 * time.Second},
	})
	p.scene("at first", atFirst)
	p.scene("processes", processes)
	p.scene("network", network)
	p.scene("applications", applications)
	p.scene("HAProxy", proxies)
	p.scene("orders", orders)
	p.scene("power", power)
	p.scene("everybody", everybody)
	p.scene("at last", atLast)
}

func atFirst(p player) {
	p.expect(
		cond(script.HasLeader, "", ""), cond(script.Quorum, "", ""), cond(script.Unchanged, "", ""),
		node("web1", script.StateAlive, ""), mode("active"),
	)
	p.not(
		cond(script.NoQuorum, "", ""), cond(script.NoQuorum, "", "lb1"), cond(script.NotInStep, "", ""), cond(script.Condemned, "", ""), cond(script.Condemned, "lb1", ""),
		script.Cond{Kind: script.ClientLost}, node("web1", script.StateDown, ""), out("web1"), member("web1", script.StateDrained, ""),
	)
	for _, kind := range []script.FaultKind{
		script.Freeze, script.Delay, script.Hold, script.SlowDisk, script.BrokenDisk, script.MendDisk, script.ClockRate,
	} {
		if err := p.stage.Fault(p.Context(), script.Fault{Kind: kind, Node: "web1"}); !errors.Is(err, script.ErrNotHere) {
			p.Errorf("%s: %v", kind, err)
		}
	}
	for _, f := range []script.Fault{
		{Kind: script.Kill, Node: "web9"},
		{Kind: script.CrashApp, Node: "lb1"},
		{Kind: script.KillProxy, Node: "web1"},
		{Kind: script.Wipe, Node: "web1"},
		{Kind: script.CutRail, Rail: 3},
		{Kind: script.MeddleProxy, Node: "lb1", Peer: "web/web9"},
	} {
		if err := p.stage.Fault(p.Context(), f); err == nil || errors.Is(err, script.ErrNotHere) {
			p.Errorf("%s: %v", f, err)
		}
	}
}

func processes(p player) {
	p.fault(script.Kill, "web2")
	p.expect(node("web2", script.StateDown, "lb1"), node("web2", script.StateDown, ""), out("web2"), cond(script.Condemned, "web2", ""))
	p.not(cond(script.Condemned, "web1", ""), well, cond(script.Unchanged, "", ""), cond(script.Quorum, "", "web2"), cond(script.NoQuorum, "", "web2"))
	p.fault(script.Kill, "web2") // it does not run: nothing happens
	p.fault(script.Start, "web2")
	p.expect(well, serves("web2", ""))

	p.do(script.Fault{Kind: script.Pause, Node: "web2", For: 4 * time.Second})
	p.not(node("web2", script.StateAlive, "web2")) // it cannot be asked
	p.expect(node("web2", script.StateDown, ""), out("web2"))
	p.expect(well, serves("web2", "")) // it goes on by itself

	p.fault(script.StopNode, "web2")
	p.expect(node("web2", script.StateLeft, ""))
	p.fault(script.Wipe, "web2")
	p.fault(script.Start, "web2")
}

func network(p player) {
	p.do(script.Fault{Kind: script.CutPair, Node: "web2", Peer: "lb1"})
	p.expect(node("web2", script.StateSuspect, "lb1"), member("web2", script.StateDrained, "lb1"), node("web2", script.StateAlive, "web1"))
	p.fault(script.Heal, "web2")
	p.expect(well, serves("web2", ""))

	p.do(script.Fault{Kind: script.CutOneWay, Node: "web2", Peer: "lb1"})
	p.expect(node("web2", script.StateSuspect, "lb1"))
	p.fault(script.Heal, "")
	p.expect(well, serves("web2", ""))

	p.do(script.Fault{Kind: script.CutRail, Rail: 1})
	p.gone(well) // a rail that nobody is heard on is said
	p.fault(script.Heal, "")
	p.expect(well)

	p.do(script.Fault{Kind: script.Loss, Percent: 100})
	p.expect(cond(script.NoQuorum, "", ""))
	p.not(cond(script.HasLeader, "", ""), cond(script.InStep, "", ""), cond(script.NotInStep, "", ""))
	p.refused(script.Order{Verb: script.Drain, Target: "web/web1", At: "web1"}, "did not confirm")
	p.fault(script.Heal, "")
	p.expect(well, cond(script.Quorum, "", ""))
	p.order(script.Ready, "web/web1") // what could not be confirmed may have taken effect

	p.fault(script.Cut, "web2")
	p.expect(cond(script.NoQuorum, "", "web2"), cond(script.LeaderIsNot, "web2", ""), node("web2", script.StateDown, ""))
	p.fault(script.Heal, "web2")
}

func applications(p player) {
	p.fault(script.CrashApp, "web2")
	p.expect(out("web2"))
	p.fault(script.StartApp, "web2")
	p.expect(serves("web2", ""))
	p.fault(script.HangApp, "web2")
	p.expect(out("web2"))
	p.fault(script.StartApp, "web2")
	p.expect(serves("web2", ""))
	p.fault(script.FailApp, "web2")
	p.expect(out("web2"))
	p.fault(script.StartApp, "web2")
}

func proxies(p player) {
	p.fault(script.ReloadProxy, "lb1")
	p.expect(cond(script.InStep, "", ""), cond(script.Unchanged, "", ""))
	p.fault(script.KillProxy, "lb1")
	p.expect(cond(script.NotInStep, "", ""), cond(script.NotInStep, "", "lb1"))
	p.not(serves("web1", ""), serves("web1", "lb1"))
	p.expect(script.Cond{Kind: script.ClientLost, N: 5})
	p.fault(script.StartProxy, "lb1")
	p.expect(cond(script.InStep, "", "lb1"), serves("web1", "lb1"))
	p.do(script.Fault{Kind: script.PauseProxy, Node: "lb1", For: 4 * time.Second})
	p.not(serves("web1", "lb1"))
	p.expect(cond(script.NotInStep, "", "lb1"))
	p.expect(cond(script.InStep, "", "lb1"), serves("web1", "lb1"))
	p.do(script.Fault{Kind: script.MeddleProxy, Node: "lb1", Peer: "web/web1"})
	p.expect(serves("web1", "lb1"))
	p.not(cond(script.Unchanged, "", ""))
}

func orders(p player) {
	p.order(script.Drain, "web/web1")
	p.expect(out("web1"))
	p.refused(script.Order{Verb: script.Drain, Target: "web/web2"}, "floor")
	p.refused(script.Order{Verb: script.Drain, Target: "web/web7"}, "there is no member")
	p.do(script.Fault{Kind: script.MeddleProxy, Node: "lb1", Peer: "web/web1"})
	p.expect(out("web1"))
	p.order(script.Ready, "web/web1")
	p.expect(serves("web1", ""))
	p.order(script.Maint, "web/web1")
	p.expect(out("web1"))
	p.order(script.Ready, "web/web1")
	p.expect(serves("web1", ""), well)

	p.refused(script.Order{Verb: script.Unstandby, Target: "web1"}, "node web1 is not in standby, it is active")
	p.order(script.Standby, "web1")
	p.expect(mode("standby"), out("web1"))
	p.order(script.Unstandby, "web1")
	p.expect(mode("active"), serves("web1", ""))
	p.order(script.Maintenance, "web1")
	p.expect(mode("maintenance"))
	p.order(script.Active, "web1")
	p.expect(mode("active"))

	p.order(script.Apply, "floor 2")
	p.refused(script.Order{Verb: script.Drain, Target: "web/web1", At: "lb1"}, "floor")
	p.order(script.Apply, "floor 1")
	p.order(script.Apply, "deadline 10s")
	p.order(script.Apply, "slow-start 1s")
	p.order(script.Apply, "slow-start 0s")
	p.refused(script.Order{Verb: script.Apply, Target: "deadline -1s"}, "deadline")
}

func power(p player) {
	p.fault(script.PowerOff, "web2")
	p.expect(node("web2", script.StateDown, ""), out("web2"))
	p.fault(script.PowerOff, "web2")
	p.fault(script.Start, "web2")
}

func everybody(p player) {
	p.fault(script.KillAll, "")
	p.not(well, cond(script.HasLeader, "", ""), cond(script.NoQuorum, "", ""))
	p.expect(cond(script.Unchanged, "", ""))
	if err := p.stage.Order(p.Context(), script.Order{Verb: script.Ready, Target: "web/web1"}); err == nil || errors.Is(err, script.ErrRefused) {
		p.Errorf("an order that nobody can take: %v", err)
	}
	p.fault(script.StartAll, "")
}

// atLast looks at what became of it all.
func atLast(p player) {
	_, err := stage.Open(p.Context(), stage.Options{Name: "stgplay", Cluster: script.Cluster{Web: 1}, Dir: p.stage.Dir()})
	if !errors.Is(err, lab.ErrAlive) || !strings.Contains(err.Error(), "wait for its end") {
		p.Errorf("a second stage of the same name: %v", err)
	}
	moments, err := p.stage.Moments(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	for i, m := range moments {
		if m.Lane == "" || m.Kind == "" || m.What == "" || m.At < 0 || m.Bad && m.Good || i > 0 && m.At < moments[i-1].At {
			p.Errorf("%+v", m)
		}
	}
	p.found(moments, "fault", "kill web2")
	p.found(moments, "fault", "web2 goes on")
	p.found(moments, "fault", "lb1/haproxy goes on")
	p.found(moments, "operator", "drain web/web1")
	p.found(moments, "client", "requests failed")
	p.found(moments, "lb1/haproxy", "not in step")
	if m := p.found(moments, "lb1/haproxy", "balancer.server web/web2"); m.Subject != "web/web2" || m.State == "" {
		p.Errorf("%+v", m)
	}
	if m := p.found(moments, "web2", "node.condemned"); m.State != script.StateDown || !m.Bad || m.Reason == "" {
		p.Errorf("%+v", m)
	}
	p.found(moments, "web2", "suspect")
	p.found(moments, "web2", "left")
	p.found(moments, "web2", "no quorum")
	if m := p.found(moments, "web2", "node.admitted"); m.State != script.StateAlive || !m.Good {
		p.Errorf("%+v", m)
	}
}

// kinds is a script with one of each kind of machine, and everything that a header can say.
const kinds = `promise What is played on real nodes is what the script says.
world lab
cluster 1 web, 1 balancer, 1 witness, 1 plain
timing fast
rails 1
floor 1
deadline 1m
slow-start 300ms
no state file
client 20/s

expect well
expect web/web1 serves
expect web/app1 serves on lb1
expect wit1 is alive
never wit1 is left
crash app app1
expect web/app1 out within 60s
start app app1
expect web/app1 serves within 60s
power off app1
expect web/app1 out within 60s
start app1
expect well within 60s
expect balancers in step
loss 100% on rail 1
expect no quorum within 60s
heal
expect well within 60s
drain web/web1 deadline 5s
expect web/web1 out within 60s
drain web/app1 at lb1 is refused
kill haproxy lb1
start haproxy lb1               # it knows nothing of the drain
expect web/web1 out within 60s
ready web/web1
expect web/web1 serves within 60s
wait 100ms
`

func TestStagePlaysAScript(t *testing.T) {
	s, err := script.Parse("kinds", []byte(kinds))
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, stage.Options{Name: "stgkinds", Cluster: s.Cluster})
	report := script.Play(t.Context(), s, p.stage, nil)
	if !report.Kept() {
		t.Error(report)
	}
	p.found(report.Moments, script.LaneFault, "crash app app1")
	p.found(report.Moments, script.LaneOperator, "drain web/app1")
}

func TestStageThatCannotBegin(t *testing.T) {
	labtest.Need(t)
	dir := t.TempDir()
	for name, opts := range map[string]stage.Options{
		"the cluster has no node": {Cluster: script.Cluster{Plain: 2}},
		"takes only letters":      {Cluster: script.Cluster{Web: 1}, Dir: filepath.Join(dir, "a b")},
		"no such file":            {Cluster: script.Cluster{Web: 1}, Dir: filepath.Join(dir, "none")},
		"rails: want 1 to 8":      {Cluster: script.Cluster{Web: 1, Rails: 9}, Dir: dir},
	} {
		if _, err := stage.Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want it to say %q", err, name)
		}
	}
	_, err := stage.Open(t.Context(), stage.Options{Name: "stgnone", Cluster: script.Cluster{Web: 1}, Dir: dir, Binary: "/bin/false"})
	if failure, ok := errors.AsType[*stage.StartError](err); !ok || !strings.Contains(failure.Error(), "ended on web1") {
		t.Errorf("a product that ends at once: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}
