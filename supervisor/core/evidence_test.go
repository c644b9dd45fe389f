// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// TestWhoseWordCounts asks what n1 makes of member web/n2 after what it heard, beyond what the log says of it.
func TestWhoseWordCounts(t *testing.T) {
	const up, down = cluster.Up, cluster.Down
	// hear is a heartbeat of n2 with another life or number than it should have, if they are given.
	hear := func(state string, edit func(*bus.Envelope)) func(*alone) {
		return func(a *alone) {
			in := a.from("n2", says(state))
			if edit != nil {
				edit(&in.Envelope)
			}
			a.step(time.Millisecond, in)
		}
	}
	install := func(n uint64) func(*bus.Envelope) { return func(e *bus.Envelope) { e.Install = n } }
	boot := func(n uint64) func(*bus.Envelope) { return func(e *bus.Envelope) { e.Boot, e.Seq = n, 1 } }
	silence := func(a *alone) { a.pass(2 * lan.SuspectAfter) }
	silenceOfOne := func(a *alone) {
		for range 8 {
			a.step(lan.Beat/2, a.from("n3", &bus.Heartbeat{Revision: 5}))
		}
	}
	stops := func(a *alone) { a.step(0, a.from("n2", &bus.Heartbeat{Revision: 5, Leaving: true})) }
	late := func(e *bus.Envelope) { e.Seq -= 2 }
	for name, c := range map[string]struct {
		log  cluster.Condition
		play []func(*alone)
		want cluster.Service
	}{
		"nothing heard":              {up, nil, cluster.Serve},
		"nothing known":              {"", nil, cluster.Untouched},
		"it says down":               {up, []func(*alone){hear("down", nil)}, cluster.Out},
		"it says up":                 {down, []func(*alone){hear("up", nil)}, cluster.Serve},
		"it does not know":           {up, []func(*alone){hear("unknown", nil)}, cluster.Serve},
		"it does not know any more":  {up, []func(*alone){hear("down", nil), hear("unknown", nil)}, cluster.Out},
		"it says something absurd":   {up, []func(*alone){hear("sideways", nil)}, cluster.Serve},
		"the newest word counts":     {up, []func(*alone){hear("down", nil), hear("up", nil)}, cluster.Serve},
		"a word comes late":          {up, []func(*alone){hear("down", nil), hear("down", nil), hear("up", late)}, cluster.Out},
		"a former life's word":       {up, []func(*alone){hear("up", boot(4))}, cluster.Serve},
		"a former life comes late":   {up, []func(*alone){hear("down", nil), hear("up", boot(4))}, cluster.Out},
		"a life not yet admitted":    {down, []func(*alone){hear("up", boot(6))}, cluster.Out},
		"its last word was down":     {up, []func(*alone){hear("down", nil), hear("unknown", boot(6))}, cluster.Out},
		"its next life is up":        {up, []func(*alone){hear("down", nil), hear("down", nil), hear("up", boot(6))}, cluster.Serve},
		"a twin says down":           {up, []func(*alone){hear("up", nil), hear("down", install(12))}, cluster.Serve},
		"a twin says up":             {down, []func(*alone){hear("down", nil), hear("up", install(12))}, cluster.Out},
		"another installation alone": {down, []func(*alone){hear("up", install(12))}, cluster.Out},
		"late, behind a stranger": {up, []func(*alone){
			hear("down", nil), hear("down", nil), silenceOfOne, hear("unknown", install(12)), hear("up", func(e *bus.Envelope) { e.Seq -= 3 }),
		}, cluster.Out},
		"another node says down":     {up, []func(*alone){func(a *alone) { a.step(0, a.from("n3", says("down"))) }}, cluster.Serve},
		"another node says up":       {down, []func(*alone){func(a *alone) { a.step(0, a.from("n3", says("up"))) }}, cluster.Out},
		"an unknown life takes over": {down, []func(*alone){hear("up", nil), hear("up", boot(6))}, cluster.Out},
		"it said up and fell silent": {down, []func(*alone){hear("up", nil), silence}, cluster.Out},
		"it said down, then silence": {up, []func(*alone){hear("down", nil), silence}, cluster.Out},
		"nobody else is heard":       {up, []func(*alone){hear("up", nil), silence}, cluster.Serve},
		"it alone is silent":         {up, []func(*alone){hear("up", nil), silenceOfOne}, cluster.Suspend},
		"it is heard again":          {up, []func(*alone){hear("up", nil), silenceOfOne, hear("up", nil)}, cluster.Serve},
		"it is about to stop":        {up, []func(*alone){stops}, cluster.Drain},
		"it was heard, and stops":    {up, []func(*alone){func(a *alone) { a.step(0, a.from("n2", &bus.Heartbeat{Revision: 5})) }, stops}, cluster.Drain},
		"an unknown life stops": {up, []func(*alone){func(a *alone) {
			in := a.from("n2", &bus.Heartbeat{Leaving: true})
			in.Envelope.Boot = 6
			a.step(0, in)
		}}, cluster.Serve},
		"our prober thinks otherwise": {up, []func(*alone){func(a *alone) { a.probed("n2", health.Down) }}, cluster.Serve},
	} {
		t.Run(name, func(t *testing.T) {
			var log []cluster.Body
			if c.log != "" {
				log = append(log, cluster.Judge{Member: cluster.MemberID{Pool: "web", Member: "n2"}, Condition: c.log, By: []cluster.NodeID{"n2"}, Reason: "said so"})
			}
			a := admitted(t, log...)
			for _, play := range c.play {
				play(a)
			}
			if got := a.duty["n2"]; got != string(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// probed is a verdict of our own prober.
func (a *alone) probed(member string, to health.Condition) {
	a.t.Helper()
	at := a.now.Add(time.Millisecond)
	a.step(time.Millisecond, core.Probed{Member: cluster.MemberID{Pool: "web", Member: member}, Change: health.Change{To: to, At: at, Reason: "the test says so"}})
}

// TestOwnMembersAreTold: what our prober says about our own member counts here at once, and goes out before the next beat is due,
// though not at any rate.
func TestOwnMembersAreTold(t *testing.T) {
	a := admitted(t)
	a.pass(2*lan.Beat + lan.Pulse)
	before := a.beats
	a.probed("n2", health.Down) // which is not ours: a check that was stopped meanwhile
	for _, to := range []health.Condition{health.Down, health.Up, health.Down} {
		a.probed("n1", to)
	}
	since := a.now
	if got := a.duty["n1"]; got != string(cluster.Out) {
		t.Errorf("our balancer: %s", got)
	}
	if n := a.beats - before; n != 1 {
		t.Errorf("%d heartbeats at once", n)
	}
	a.pass(lan.Slack)
	want := []bus.MemberHealth{{Pool: "web", Member: "n1", State: bus.StateDown, Reason: "the test says so", SinceUnixMs: since.UnixMilli(), N: 3}}
	if diff := cmp.Diff(want, a.beat.Members); diff != "" {
		t.Error(diff)
	}
	a.pass(lan.Slack)
	if n := a.beats - before; n != 2 {
		t.Errorf("%d heartbeats without news", n)
	}
}

// TestOwnBalancersAreTold: the others are told of our balancers, and of those of their servers that are not plainly ready, up to a
// bound.
func TestOwnBalancersAreTold(t *testing.T) {
	a := admitted(t)
	report := converge.Report{Name: "lb", InStep: true, Epoch: "one"}
	for i := range 300 {
		report.Servers = append(report.Servers, converge.ServerReport{Backend: "web", Name: fmt.Sprint("s", i), Phase: []string{"ready", "draining"}[i%2]})
	}
	a.step(0, core.Balanced{Report: report}, core.Balanced{Report: converge.Report{Name: "stranger"}})
	a.pass(2 * lan.Beat)
	if len(a.beat.Balancers) != 1 || a.beat.Balancers[0].Name != "lb" || !a.beat.Balancers[0].InStep {
		t.Fatalf("told: %+v", a.beat.Balancers)
	}
	told := a.beat.Balancers[0].Servers
	if len(told) != 128 || told[0].Server != "s1" || told[127].Server != "s255" {
		t.Fatalf("%d servers are told of: %+v", len(told), told)
	}
}

// TestLeaderRecordsWhatNodesSay: what the leader hears of a node and of its twin reaches the log, or the people.
func TestLeaderRecordsWhatNodesSay(t *testing.T) {
	a := leading(t)
	a.step(0, a.from("n2", says("up")))
	a.pass(2 * lan.Beat)
	if got := a.State().Member(cluster.MemberID{Pool: "web", Member: "n2"}).Condition; got != cluster.Up {
		t.Errorf("the log says %q", got)
	}
	a.step(0, a.from("n2", says("up")))
	twin := a.from("n2", says("up"))
	twin.Envelope.Install = 12
	a.step(0, twin)
	if !slices.Contains(a.told, "node.twin") {
		t.Errorf("told: %q", a.told)
	}
}

// TestLeaderCountsVotes: the vote of another, and our own, condemn a node that both do not hear.
func TestLeaderCountsVotes(t *testing.T) {
	a := leading(t)
	a.step(0, a.from("n3", &bus.Heartbeat{Revision: 5}))
	a.backed(2 * lan.SuspectAfter)
	n3 := a.State().Node("n3")
	if n3.Life != cluster.LifeAlive {
		t.Fatalf("condemned by one: %+v", n3)
	}
	a.step(0, a.from("n2", &bus.Vote{Target: "n3", TargetInstall: n3.Install, TargetBoot: n3.Boot, TargetEpoch: n3.Epoch, Down: true, BeatSeq: a.seqs["n2"]}))
	a.backed(lan.Beat)
	if got := a.State().Node("n3").Life; got != cluster.LifeDown {
		t.Errorf("condemned by two of three, it is %s", got)
	}
}

// TestBlankNodesAreLetIn: who is in the cluster file and belongs to no cluster yet is heard like any other.
func TestBlankNodesAreLetIn(t *testing.T) {
	a := leading(t, cluster.Leave{Node: "n3", Epoch: 3})
	in := a.from("n3", &bus.Heartbeat{})
	in.Envelope.Cluster, in.Envelope.Install, in.Envelope.Boot = "", 33, 1
	a.step(0, in)
	a.pass(lan.Beat)
	if n3 := a.State().Node("n3"); n3.Life != cluster.LifeAlive || n3.Install != 33 {
		t.Errorf("it is %+v", n3)
	}
}

// TestStrangersAreTold: people are told of another cluster when it is heard first, and every minute while it is; there is an end to
// how many are remembered.
func TestStrangersAreTold(t *testing.T) {
	const most = 16
	a := admitted(t)
	told := func() int {
		n := 0
		for _, kind := range a.told {
			if kind == "cluster.stranger" {
				n++
			}
		}
		return n
	}
	for range 3 {
		a.hears("n7", "c7")
	}
	a.pass(time.Minute)
	a.hears("n7", "c7")
	if told() != 1 {
		t.Fatalf("told %d times in a minute", told())
	}
	a.pass(time.Second)
	a.hears("n7", "c7")
	if told() != 2 {
		t.Fatalf("told %d times in more than a minute", told())
	}
	for i := range 2 * most {
		a.hears("n7", fmt.Sprint("other", i))
	}
	if told() != 1+most {
		t.Fatalf("told of %d", told()-1)
	}
	a.pass(2 * time.Minute)
	a.hears("n7", "a late one")
	if told() != 2+most {
		t.Fatal("the old ones are never forgotten")
	}
}
