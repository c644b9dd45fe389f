// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// asks is a request of an operator, who waits for a second.
func (a *alone) asks(id string, b cluster.Body) {
	a.t.Helper()
	a.step(0, core.Submit{Command: cluster.Command{ID: id, By: "operator", Body: b}, Until: a.now.Add(time.Second)})
}

// backed lets time pass while n2 acknowledges all that n1 says.
func (a *alone) backed(d time.Duration) {
	a.t.Helper()
	for until := a.now.Add(d); a.now.Before(until) && !a.Left(a.now); a.pass(lan.Pulse) {
		a.step(0, a.from("n2", a.acknowledges()))
	}
}

var standby = cluster.SetMode{Node: "n2", Mode: cluster.ModeStandby, Force: true}

func TestRequestsAreAnsweredOnce(t *testing.T) {
	undecided := func(*testing.T) *alone { return admitted(t) } // nobody leads here
	leads := func(*testing.T) *alone { return leading(t) }
	for name, c := range map[string]struct {
		node func(*testing.T) *alone
		wait func(*alone, time.Duration)
		body cluster.Body
		want string // the result, or how the error begins
	}{
		"the leader takes it":           {leads, (*alone).backed, standby, "accepted"},
		"the leader refuses it":         {leads, (*alone).backed, cluster.SetMode{Node: "n9", Mode: cluster.ModeStandby}, "rejected"},
		"it cannot be written":          {leads, (*alone).backed, nil, "encode command"},
		"there is no cluster":           {func(t *testing.T) *alone { return blank(t, nil) }, (*alone).pass, standby, core.ErrNoQuorum.Error()},
		"nobody leads, nobody is heard": {undecided, (*alone).pass, standby, core.ErrNoQuorum.Error()},
		"nobody leads":                  {undecided, (*alone).backed, standby, core.ErrUnknown.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.node(t)
			c.wait(a, lan.Beat)
			a.asks("r1", c.body)
			c.wait(a, 3*time.Second)
			if len(a.got) != 1 || a.got[0].ID != "r1" {
				t.Fatalf("answers: %+v", a.got)
			}
			got := string(a.got[0].Outcome.Result)
			if err := a.got[0].Err; err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestRequestsAreBounded: who asks too much at once is told so, and the others are not disturbed.
func TestRequestsAreBounded(t *testing.T) {
	const most = 256
	a := admitted(t)
	for i := range most + 1 {
		a.asks(fmt.Sprint("r", i), standby)
	}
	if len(a.got) != 1 || a.got[0].ID != fmt.Sprint("r", most) || !errors.Is(a.got[0].Err, core.ErrBusy) {
		t.Fatalf("answers: %+v", a.got)
	}
	a.pass(2 * time.Second)
	if len(a.got) != most+1 {
		t.Fatalf("%d answers", len(a.got))
	}
	a.asks("later", standby)
	if len(a.got) != most+1 {
		t.Fatalf("still busy: %+v", a.got[most+1:])
	}
}

// TestNewerCommandHaltsTheNode: after an entry that it does not know, a node applies nothing more, and acts on nothing.
func TestNewerCommandHaltsTheNode(t *testing.T) {
	a := leading(t)
	a.backed(lan.Beat)
	// What is no command at all does not come from a newer version: everybody passes over it.
	a.step(0, a.from("n2", bus.Proposal("no command")))
	a.asks("r1", standby)
	a.backed(lan.Beat)
	if a.Authority() != "" || len(a.got) != 1 || a.got[0].Outcome.Result != cluster.Accepted {
		t.Fatalf("authority %q, answers %+v", a.Authority(), a.got)
	}
	index := a.State().Index
	a.step(0, a.from("n2", bus.Proposal(`{"id":"x","kind":"of a later version","body":{}}`)))
	a.asks("r2", cluster.SetMode{Node: "n2", Mode: cluster.ModeActive})
	a.backed(lan.Beat)
	if got := a.State(); got.Index != index || got.Node("n2").Mode != cluster.ModeStandby {
		t.Fatalf("at %d, it was %d; n2 is %s", got.Index, index, got.Node("n2").Mode)
	}
	if why := a.Authority(); !strings.Contains(why, "newest version") || !a.out.Until.IsZero() || !slices.Contains(a.told, "node.halted") {
		t.Fatalf("authority %q, told %q", why, a.told)
	}
}

// TestCondemnedNodeBeginsNewLife: who reads that its life is over orders a new one, once, and is admitted in it.
func TestCondemnedNodeBeginsNewLife(t *testing.T) {
	a := leading(t)
	a.asks("r1", cluster.Condemn{Node: "n1", Epoch: a.State().Node("n1").Epoch, Votes: []cluster.NodeID{"n2", "n3"}, Reason: "the test says so"})
	a.backed(2 * lan.Beat)
	if len(a.jobs) != 1 {
		t.Fatalf("orders: %+v", a.jobs)
	}
	if _, ok := a.jobs[0].(core.NewLife); !ok {
		t.Fatalf("ordered: %T", a.jobs[0])
	}
	a.step(0, core.Born{Boot: 6, Reason: "the former one was condemned"})
	a.pass(2 * lan.Beat)
	if me := a.State().Node("n1"); me.Life != cluster.LifeAlive || me.Boot != 6 {
		t.Fatalf("admitted as %+v", me)
	}
}

// TestReplacedNodeBeginsNewLife: nobody listens to a life in whose place another installation was admitted; who reads that of
// himself begins another life, once.
func TestReplacedNodeBeginsNewLife(t *testing.T) {
	a := leading(t)
	a.asks("r1", cluster.Admit{Node: "n1", Install: 9, Boot: 1, Reason: "an old heartbeat came late"})
	a.backed(2 * lan.Beat)
	if len(a.jobs) != 1 {
		t.Fatalf("orders: %+v", a.jobs)
	}
	if _, ok := a.jobs[0].(core.NewLife); !ok {
		t.Fatalf("ordered: %T", a.jobs[0])
	}
}

// TestLeaving: who can still be answered waits until its leaving is in the log, and nobody waits for ever.
func TestLeaving(t *testing.T) {
	const most = 1500 * time.Millisecond
	a := admitted(t)
	a.step(0, core.Leave{})
	if !a.beat.Leaving || !a.Left(a.now) {
		t.Errorf("nobody stands behind it: said %t, left %t", a.beat.Leaving, a.Left(a.now))
	}

	a = admitted(t)
	a.backed(lan.Beat)
	if a.Left(a.now) {
		t.Error("it leaves without being told")
	}
	asked := a.now
	a.step(0, core.Leave{})
	a.backed(lan.Beat)
	a.step(0, core.Leave{}) // again, which changes nothing
	a.backed(most - a.now.Sub(asked) - lan.Pulse)
	if !a.beat.Leaving || a.Left(a.now) {
		t.Errorf("nobody has read it: said %t, left %t", a.beat.Leaving, a.Left(a.now))
	}
	a.pass(lan.Beat)
	if !a.Left(a.now) {
		t.Error("it waits for ever")
	}

	a = leading(t)
	a.backed(lan.Beat)
	a.step(0, core.Leave{})
	a.backed(lan.Beat)
	if got := a.State().Node("n1").Life; got != cluster.LifeLeft || !a.Left(a.now) {
		t.Errorf("it is %s in the log, left %t", got, a.Left(a.now))
	}
}

// TestRequestsWaitForALeader: what was asked while nobody led reaches the leader that comes.
func TestRequestsWaitForALeader(t *testing.T) {
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 5}, held(t, nil, "n1"))
	a.step(0, core.Submit{Command: cluster.Command{ID: "r1", Body: standby}, Until: a.now.Add(time.Minute)})
	a.backed(2 * time.Second)
	if a.Leader() != "n1" || len(a.got) != 1 || a.got[0].Outcome.Result != cluster.Accepted {
		t.Fatalf("%q leads, answers: %+v", a.Leader(), a.got)
	}
}

// TestNewLifeOfAnotherIsListenedToAnew: the silence before a node was admitted anew is no suspicion of its new life.
func TestNewLifeOfAnotherIsListenedToAnew(t *testing.T) {
	a := leading(t, cluster.Judge{Member: cluster.MemberID{Pool: "web", Member: "n3"}, Condition: cluster.Up, By: []cluster.NodeID{"n3"}, Reason: "said so"})
	a.step(0, a.from("n3", &bus.Heartbeat{Revision: 5}))
	a.backed(2 * lan.SuspectAfter)
	if got := a.duty["n3"]; got != string(cluster.Suspend) {
		t.Fatalf("before: %s", got)
	}
	a.asks("r1", cluster.Admit{Node: "n3", Install: 3, Boot: 6, Reason: "was heard by others"})
	a.backed(lan.SuspectAfter - lan.Beat)
	if got := a.duty["n3"]; got != string(cluster.Serve) {
		t.Fatalf("in its new life: %s", got)
	}
	a.backed(2 * lan.Beat)
	if got := a.duty["n3"]; got != string(cluster.Suspend) {
		t.Fatalf("it is never heard: %s", got)
	}
}

// TestWhoeverIsElectedCarriesOutWhatWaits: a request that waited for a leader is decided as soon as its own node leads.
func TestWhoeverIsElectedCarriesOutWhatWaits(t *testing.T) {
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 5}, held(t, nil, "n1"))
	a.step(0, core.Submit{Command: cluster.Command{ID: "1", Body: cluster.SetMode{Node: "n2", Mode: cluster.ModeStandby}}, Until: a.now.Add(time.Minute)})
	for a.Leader() == "" {
		a.pass(lan.Pulse)
	}
	if len(a.got) != 1 || a.got[0].Err != nil {
		t.Fatalf("%q leads, and the answer is %+v", a.Leader(), a.got)
	}
}
