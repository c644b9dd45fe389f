// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

func faultKinds() []script.FaultKind {
	return []script.FaultKind{
		script.Kill, script.KillAll, script.StopNode, script.Start, script.StartAll, script.PowerOff, script.Pause, script.Freeze,
		script.Wipe, script.Cut, script.CutPair, script.CutOneWay, script.CutRail, script.Heal, script.Loss, script.Delay, script.Hold,
		script.CrashApp, script.HangApp, script.FailApp, script.StartApp, script.ReloadProxy, script.KillProxy, script.StartProxy,
		script.PauseProxy, script.MeddleProxy, script.KillGuard, script.PauseGuard, script.AddByHand, script.DelByHand, script.SlowDisk, script.BrokenDisk, script.MendDisk, script.ClockRate,
	}
}

func genTime() *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.OneOf(rapid.IntRange(1, 5000), rapid.IntRange(1, 3_600_000)), func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond })
}

// genFault draws a fault with what its kind needs.
func genFault(t *rapid.T, c script.Cluster) script.Fault {
	f := script.Fault{Kind: rapid.SampledFrom(faultKinds()).Draw(t, "fault")}
	one := func(from []string) string { return rapid.SampledFrom(from).Draw(t, "name") }
	switch f.Kind {
	case script.Kill, script.StopNode, script.Wipe, script.BrokenDisk, script.MendDisk:
		f.Node = one(c.Nodes())
	case script.Pause, script.SlowDisk:
		f.Node, f.For = one(c.Nodes()), genTime().Draw(t, "for")
	case script.Start, script.PowerOff, script.Cut:
		f.Node = one(c.Machines())
	case script.Freeze:
		f.Node, f.For = one(c.Machines()), genTime().Draw(t, "for")
	case script.CutPair, script.CutOneWay:
		f.Node = one(c.Machines())
		f.Peer = one(slices.DeleteFunc(c.Machines(), func(n string) bool { return n == f.Node }))
	case script.CutRail:
		f.Rail, f.Node = rapid.IntRange(1, 2).Draw(t, "rail"), one(append(c.Nodes(), ""))
	case script.Heal:
		f.Node = one(append(c.Machines(), ""))
	case script.Loss:
		f.Percent, f.Rail = rapid.IntRange(0, 100).Draw(t, "percent"), rapid.IntRange(0, 2).Draw(t, "rail")
	case script.Delay:
		f.For = genTime().Draw(t, "for")
	case script.Hold:
		f.For, f.Node = genTime().Draw(t, "for"), one(append(c.Machines(), ""))
	case script.CrashApp, script.HangApp, script.FailApp, script.StartApp:
		f.Node = one(c.Apps())
	case script.ReloadProxy, script.KillProxy, script.StartProxy:
		f.Node = one(c.BalancerNodes())
	case script.PauseProxy:
		f.Node, f.For = one(c.BalancerNodes()), genTime().Draw(t, "for")
	case script.MeddleProxy:
		f.Node, f.Peer = one(c.BalancerNodes()), one(c.Members())
	case script.ClockRate:
		f.Node, f.Percent = one(c.Nodes()), rapid.IntRange(-50, 50).Draw(t, "rate")
	case script.KillGuard:
		f.Node = one(c.Holders())
	case script.PauseGuard:
		f.Node, f.For = one(c.Holders()), genTime().Draw(t, "for")
	case script.AddByHand, script.DelByHand:
		f.Node, f.Peer = one(c.Machines()), one([]string{"vip", "ip-2"})
	case script.KillAll, script.StartAll:
	}
	return f
}

func genOrder(t *rapid.T, c script.Cluster) script.Order {
	o := script.Order{
		Verb: rapid.SampledFrom([]script.Verb{
			script.Drain, script.Ready, script.Maint, script.Standby, script.Unstandby, script.Maintenance, script.Active, script.Apply,
			script.Move, script.Restart, script.Ban, script.Clear, script.Enable, script.Disable,
		}).Draw(t, "verb"),
		At: rapid.SampledFrom(append(c.Nodes(), "")).Draw(t, "at"), Refused: rapid.Bool().Draw(t, "refused"),
	}
	switch o.Verb {
	case script.Drain, script.Ready, script.Maint:
		o.Target = rapid.SampledFrom(c.Members()).Draw(t, "member")
		if o.Verb == script.Drain && rapid.Bool().Draw(t, "timed") {
			o.Deadline = genTime().Draw(t, "deadline")
		}
	case script.Apply:
		d := script.Wait{For: genTime().Draw(t, "value")}.String()
		o.Target = rapid.SampledFrom([]string{"floor 0", "floor 2", "deadline" + strings.TrimPrefix(d, "wait"), "slow-start 3s"}).Draw(t, "apply")
	case script.Move, script.Ban:
		o.Target, o.Node = "vip", rapid.SampledFrom(c.Holders()).Draw(t, "node")
	case script.Restart, script.Clear, script.Enable, script.Disable:
		o.Target = "ip-2"
	case script.Standby, script.Unstandby, script.Maintenance, script.Active:
		o.Target = rapid.SampledFrom(c.Nodes()).Draw(t, "node")
	}
	return o
}

func genCond(t *rapid.T, c script.Cluster) script.Cond {
	k := script.Cond{Kind: rapid.SampledFrom([]script.CondKind{
		script.AllWell, script.HasLeader, script.LeaderIsNot, script.NodeIs, script.Quorum, script.NoQuorum, script.MemberIs, script.InStep,
		script.NotInStep, script.Unchanged, script.ClientLost, script.Condemned, script.InMode, script.Answered,
		script.ResourceOn, script.ResourceNobody, script.ResourceTwice, script.ResourceGone, script.ResourceIs,
	}).Draw(t, "condition")}
	one := func(from []string) string { return rapid.SampledFrom(from).Draw(t, "name") }
	switch k.Kind {
	case script.HasLeader, script.Condemned:
		k.Target = one(append(c.Nodes(), ""))
	case script.LeaderIsNot:
		k.Target = one(c.Nodes())
	case script.NodeIs:
		k.Target, k.State, k.On = one(c.Nodes()), one([]string{"alive", "suspect", "down", "left"}), one(append(c.Nodes(), ""))
	case script.Quorum, script.NoQuorum:
		k.On = one(append(c.Nodes(), ""))
	case script.MemberIs:
		k.Target, k.State, k.On = one(c.Members()), one([]string{"serves", "drained", "out"}), one(append(c.BalancerNodes(), ""))
	case script.InStep, script.NotInStep:
		k.On = one(append(c.BalancerNodes(), ""))
	case script.ClientLost:
		k.N = rapid.IntRange(0, 1000).Draw(t, "count")
	case script.InMode:
		k.Target, k.State = one(c.Nodes()), one([]string{"standby", "maintenance", "active"})
	case script.ResourceOn, script.ResourceGone:
		k.Target, k.On = "vip", one(c.Nodes())
	case script.ResourceNobody, script.ResourceTwice:
		k.Target = "ip-2"
	case script.ResourceIs:
		k.Target, k.State = "vip", one([]string{"held", "taking", "trouble", "leaving", "lost", "unheard", "disabled"})
	case script.AllWell, script.Unchanged, script.Answered:
	}
	return k
}

// genScript draws a script. What needs something to run, or not to run, is left to the stories in testdata.
func genScript() *rapid.Generator[*script.Script] {
	return rapid.Custom(func(t *rapid.T) *script.Script {
		timeOf := func(what string) time.Duration {
			return rapid.SampledFrom([]time.Duration{0, 100 * time.Millisecond, 90 * time.Second, time.Hour}).Draw(t, what)
		}
		s := &script.Script{
			File: "it.txt", Promise: rapid.StringMatching(`[A-Z][a-zé]{1,9}( [a-z#]?[a-z,"/.]{1,9}){0,5}\.`).Draw(t, "promise"),
			Worlds: rapid.SampledFrom([][]script.World{{script.Sim}, {script.Sim, script.Lab}, {script.Lab}}).Draw(t, "worlds"),
			Cluster: script.Cluster{
				Timing: rapid.SampledFrom([]string{"", "lan", "fast", "wan"}).Draw(t, "timing"), Rails: rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "rails"),
				Web: rapid.IntRange(2, 9).Draw(t, "web"), Balancers: rapid.IntRange(1, 3).Draw(t, "balancers"),
				Witnesses: rapid.IntRange(0, 2).Draw(t, "witnesses"), Plain: rapid.IntRange(0, 3).Draw(t, "plain"),
				Floor: rapid.IntRange(0, 2).Draw(t, "floor"), Deadline: timeOf("deadline"), SlowStart: timeOf("slow start"),
				NoState: rapid.Bool().Draw(t, "no state"), Clients: rapid.IntRange(1, 1000).Draw(t, "clients"),
			},
		}
		s.Promise = strings.ReplaceAll(s.Promise, " #", " ")
		genResources(t, s)
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			s.Steps = append(s.Steps, script.Step{Act: genAct(t, s)})
		}
		s.Steps = append(s.Steps, script.Step{Act: script.Expect{Cond: script.Cond{Kind: script.AllWell}, Within: time.Minute}})
		return s
	})
}

// genResources draws two resources, and begins the script with what it forbids by itself.
func genResources(t *rapid.T, s *script.Script) {
	for _, name := range []string{"vip", "ip-2"} {
		nodes := rapid.SampledFrom([][]string{nil, {"lb1"}, {"web2", "web1"}, {"lb1", "web2"}}).Draw(t, "nodes")
		s.Cluster.Resources = append(s.Cluster.Resources, script.Resource{
			Name: name, Nodes: nodes, Prefer: rapid.SampledFrom([][]string{nil, nodes}).Draw(t, "prefer"),
			Balancer: len(nodes) == 1 && rapid.Bool().Draw(t, "balancer"),
			Pool:     len(nodes) == 2 && nodes[0] == "web2" && rapid.Bool().Draw(t, "pool"),
			Requires: rapid.SampledFrom([]string{"", "lease", "quorum"}).Draw(t, "requires"),
			Failback: rapid.SampledFrom([]string{"", "never", "immediately", "when-idle", "after 10m", "after 500ms"}).Draw(t, "failback"),
		})
		s.Steps = append(s.Steps, script.Step{Act: script.Never{Cond: script.Cond{Kind: script.ResourceTwice, Target: name}}})
	}
	if rapid.Bool().Draw(t, "asks vip") {
		s.Cluster.Resources[0].Nodes, s.Cluster.Resources[0].Prefer, s.Cluster.Resources[0].Pool = []string{"lb1"}, nil, false
		s.Cluster.ClientsTo = "vip"
	}
}

func genAct(t *rapid.T, s *script.Script) script.Act {
	switch rapid.IntRange(0, 4).Draw(t, "act") {
	case 0:
		return script.Wait{For: genTime().Draw(t, "wait")}
	case 1:
		if f := genFault(t, s.Cluster); !slices.Contains(s.Worlds, script.Lab) || !f.Kind.SimOnly() {
			return f
		}
		return script.Fault{Kind: script.Heal}
	case 2:
		return genOrder(t, s.Cluster)
	case 3:
		return script.Never{Cond: genCond(t, s.Cluster)}
	}
	e := script.Expect{Cond: genCond(t, s.Cluster)}
	if rapid.Bool().Draw(t, "at once") {
		e.Within = genTime().Draw(t, "within")
	}
	return e
}

// TestParseReadsWhatFormatWrites: only the place and the text of a step are the writer's.
func TestParseReadsWhatFormatWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genScript().Draw(t, "script")
		text := script.Format(s)
		got, err := script.Parse(s.File, text)
		if err != nil {
			if !strings.Contains(err.Error(), "does not run: line") && !strings.Contains(err.Error(), "kill or stop it first") {
				t.Fatalf("%v\n%s", err, text)
			}
			return
		}
		lines := strings.Split(string(text), "\n")
		for i := range got.Steps {
			step := &got.Steps[i]
			if step.Text != lines[step.Line-1] || step.Text != fmt.Sprint(step.Act) {
				t.Fatalf("line %d is %q, the step says %q", step.Line, lines[step.Line-1], step.Text)
			}
			step.Line, step.Text = 0, ""
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Fatalf("it is another script (-want +got):\n%s\n%s", diff, text)
		}
	})
}
