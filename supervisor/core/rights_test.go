// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// withVIP is the cluster file with a virtual address.
func withVIP() cluster.Body {
	spec := threeNodes()
	spec.Resources = []cluster.ResourceSpec{{Name: "vip", VIP: &cluster.VIPSpec{Addresses: []string{"10.0.0.100/24"}, Interface: "eth0"}}}
	return cluster.SetSpec{Spec: spec}
}

// given says that a node of threeNodes got the virtual address.
func given(node cluster.NodeID) cluster.Body {
	life := uint64(slices.Index([]cluster.NodeID{"n1", "n2", "n3", "n4"}, node) + 1)
	return cluster.Give{Resource: "vip", Node: node, Life: life, Reason: "the test says so"}
}

// knows is a heartbeat that acknowledges all that n1 has sent so far, and knows the file with the virtual address.
func knows(a *alone) *bus.Heartbeat {
	hb := a.acknowledges()
	hb.Revision = 6
	return hb
}

// TestHoldsWhatItWasGiven: the guard is told at once, with the end of the right, and told to let go when the log says so.
func TestHoldsWhatItWasGiven(t *testing.T) {
	for name, c := range map[string]struct {
		more []cluster.Body
		want int
	}{
		"given to us":       {[]cluster.Body{withVIP(), given("n1")}, 1},
		"given to another":  {[]cluster.Body{withVIP(), given("n2")}, 0},
		"given to nobody":   {[]cluster.Body{withVIP()}, 0},
		"taken back":        {[]cluster.Body{withVIP(), given("n1"), cluster.Recall{Resource: "vip", Epoch: 5, To: "n2"}}, 0},
		"no longer named":   {[]cluster.Body{withVIP(), given("n1"), cluster.SetSpec{Spec: threeNodes()}}, 0},
		"our life is over":  {[]cluster.Body{withVIP(), given("n1"), cluster.Condemn{Node: "n1", Epoch: 1, Votes: []cluster.NodeID{"n2", "n3"}}}, 0},
		"in maintenance":    {[]cluster.Body{withVIP(), given("n1"), cluster.SetMode{Node: "n1", Mode: cluster.ModeMaintenance}}, 1},
		"without resources": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 5}, held(t, c.more, "n1", "n2", "n3"))
			if orders := min(uint64(len(c.more)), 1); a.out.NewHoldings != (orders > 0) || len(a.out.Holdings) != c.want || a.out.Order != orders {
				t.Fatalf("order %d (%t): %+v", a.out.Order, a.out.NewHoldings, a.out.Holdings)
			}
			if !a.out.HoldUntil.IsZero() {
				t.Fatal("it has a right before anybody stood behind it")
			}
			a.step(time.Millisecond)
			if a.out.NewHoldings {
				t.Fatal("the guard is told the same again")
			}
		})
	}
}

// TestTellsUnderWhichEpochsCommandsMove: whoever let go of what a command moves hears that somebody else has it, and keeps its right
// meanwhile. Nobody needs that of addresses that no command moves.
func TestTellsUnderWhichEpochsCommandsMove(t *testing.T) {
	recall := cluster.Recall{Resource: "vip", Epoch: 5}
	gone := cluster.LetGo{Resource: "vip", Epoch: 5, Node: "n1"}
	again := cluster.Give{Resource: "vip", Epoch: 6, Node: "n2", Life: 2}
	for name, c := range map[string]struct {
		command []string
		more    []cluster.Body
		epochs  map[string]uint64
		right   bool
	}{
		"ours":                           {[]string{"/bin/move"}, []cluster.Body{given("n1")}, nil, true},
		"recalled":                       {[]string{"/bin/move"}, []cluster.Body{given("n1"), recall}, nil, true},
		"let go":                         {[]string{"/bin/move"}, []cluster.Body{given("n1"), recall, gone}, nil, true},
		"another has it":                 {[]string{"/bin/move"}, []cluster.Body{given("n1"), recall, gone, again}, map[string]uint64{"vip": 7}, true},
		"another has it, and no command": {nil, []cluster.Body{given("n2")}, nil, false},
		"recalled, and no command":       {nil, []cluster.Body{given("n1"), recall}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			spec := threeNodes()
			vip := cluster.VIPSpec{Addresses: []string{"10.0.0.100/24"}, Interface: "eth0", Command: c.command}
			spec.Resources = []cluster.ResourceSpec{{Name: "vip", VIP: &vip, Failback: cluster.FailbackWhenIdle}}
			a := admitted(t, append([]cluster.Body{cluster.SetSpec{Spec: spec}}, c.more...)...)
			if diff := cmp.Diff(c.epochs, a.out.Epochs, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			for _, h := range a.out.Holdings {
				if h.Failback != cluster.FailbackWhenIdle {
					t.Errorf("%+v", h)
				}
			}
			a.step(time.Millisecond, a.from("n2", knows(a)))
			a.pass(lan.Pulse)
			if a.out.HoldUntil.IsZero() == c.right {
				t.Errorf("until %s", a.out.HoldUntil)
			}
		})
	}
}

// TestFormerLifeIsNotSpokenFor: before its new life is let in, a node tells the guard nothing, and what it may hold has no end to
// move.
func TestFormerLifeIsNotSpokenFor(t *testing.T) {
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 6}, held(t, []cluster.Body{withVIP(), given("n1")}, "n1", "n2", "n3"))
	a.step(time.Millisecond, a.from("n2", knows(a)))
	a.pass(lan.Beat)
	if a.out.NewHoldings || a.out.Order != 0 || !a.out.HoldUntil.IsZero() {
		t.Fatalf("order %d, until %s", a.out.Order, a.out.HoldUntil)
	}
}

// TestRightEnds: it rests on when the heartbeat was sent that a majority acknowledged, and on nothing that arrives later.
func TestRightEnds(t *testing.T) {
	a := admitted(t, withVIP(), given("n1"))
	sent, hb := a.now, knows(a)
	a.pass(200 * time.Millisecond)
	a.step(0, a.from("n2", hb))
	a.pass(lan.Pulse)
	if want := lan.Terms.Until(sent); !a.out.HoldUntil.Equal(want) {
		t.Fatalf("until %s after it was sent, want %s", a.out.HoldUntil.Sub(sent), want.Sub(sent))
	}
	a.pass(2 * lan.Terms.Hold)
	if a.out.HoldUntil.After(a.now) {
		t.Fatal("the right has no end")
	}
}

// TestLetsGoWhenTheGuardHas: the log learns of it when the guard knows the newest order and has nothing left. A guard that says
// nothing is not waited for longer than its right can last.
func TestLetsGoWhenTheGuardHas(t *testing.T) {
	a := leading(t, withVIP(), given("n1"))
	unit := core.Unit{Resource: "vip", Epoch: 5, State: bus.ResourceHeld}
	guard := func(order uint64, units ...core.Unit) {
		a.step(time.Millisecond, core.Guarded{Class: lease.Gate, Order: order, Units: units}, a.from("n2", knows(a)))
		a.pass(lan.Beat)
	}
	guard(a.out.Order, unit)
	a.step(0, core.Submit{Command: cluster.Command{ID: "1", Body: cluster.SetResource{Resource: "vip", Verb: cluster.VerbDisable}}, Until: a.now.Add(time.Second)})
	a.pass(lan.Beat)
	holder := func() cluster.NodeID {
		s := a.State()
		return s.Resource("vip").Holder
	}
	for _, c := range []struct {
		what  string
		order uint64
		units []core.Unit
		want  cluster.NodeID
	}{
		{"it knows the former order", a.out.Order - 1, nil, "n1"},
		{"it still has it", a.out.Order, []core.Unit{unit}, "n1"},
		{"it has trouble with it", a.out.Order, []core.Unit{{Resource: "vip", State: bus.ResourceTrouble}}, "n1"},
		{"nothing is left", a.out.Order, []core.Unit{{Resource: "vip", State: bus.ResourceGone}}, ""},
	} {
		if guard(c.order, c.units...); holder() != c.want {
			t.Fatalf("%s: %q holds it", c.what, holder())
		}
	}
}

// TestDeadGuardIsNotWaitedFor: what it was allowed to hold is gone when the right has ended that it was told of last, however its
// class ends it.
func TestDeadGuardIsNotWaitedFor(t *testing.T) {
	for class, want := range map[lease.Class]time.Duration{
		lease.Gate: lan.Terms.Gone(lease.Gate), lease.Address: lan.Terms.Gone(lease.Address), "": lan.Terms.Gone(lease.Address),
	} {
		a := leading(t, withVIP(), given("n1"))
		a.step(time.Millisecond, core.Guarded{Class: class, Order: a.out.Order}, a.from("n2", knows(a)))
		since := a.out.HoldSince
		disable := cluster.SetResource{Resource: "vip", Verb: cluster.VerbDisable}
		a.step(0, core.Submit{Command: cluster.Command{ID: "1", Body: disable}, Until: a.now.Add(time.Second)})
		a.step(0, core.Guarded{Class: class}) // another one, which was told nothing yet
		for {
			a.step(time.Millisecond, a.from("n2", knows(a)))
			s := a.State()
			if passed := a.now.Sub(since); s.Resource("vip").Holder == "" {
				if passed <= want {
					t.Errorf("class %q: let go of after %s, its right lasts for %s", class, passed, want)
				}
				break
			} else if passed > want+time.Second {
				t.Fatalf("class %q: it is waited for", class)
			}
		}
	}
}

// TestStopOfAHolder: whoever holds something waits until it is handed over, but for what in maintenance nobody takes from it.
func TestStopOfAHolder(t *testing.T) {
	for name, c := range map[string]struct {
		more []cluster.Body
		want time.Duration
	}{
		"it is to be handed over":      {nil, 10 * time.Second},
		"in maintenance it stays here": {[]cluster.Body{cluster.SetMode{Node: "n1", Mode: cluster.ModeMaintenance}}, 1500 * time.Millisecond},
	} {
		a := admitted(t, append([]cluster.Body{withVIP(), given("n1")}, c.more...)...)
		a.step(0, a.from("n2", knows(a)))
		a.pass(lan.Beat)
		asked := a.now
		a.step(0, a.from("n2", knows(a)), core.Leave{})
		for !a.Left(a.now) && a.now.Sub(asked) < time.Minute {
			a.step(lan.Pulse, a.from("n2", knows(a)))
		}
		if got := a.now.Sub(asked); got < c.want || got > c.want+lan.Pulse {
			t.Errorf("%s: it waits for %s, not %s", name, got, c.want)
		}
	}
}

// TestLapse: a voter says that nothing of a life can act any more once it has waited long enough since it heard the life last, and
// only of lives that the log knows to be over and that hold something.
func TestLapse(t *testing.T) {
	dead := cluster.Condemn{Node: "n2", Epoch: 2, Votes: []cluster.NodeID{"n1", "n3"}}
	for name, c := range map[string]struct {
		more []cluster.Body
		beat *bus.Heartbeat // of the holder, before
		wait time.Duration
		want bool
	}{
		"never heard, class unknown":         {[]cluster.Body{withVIP(), given("n2"), dead}, nil, lan.Terms.Lapse(lease.Address) + lan.Beat, true},
		"never heard, too early":             {[]cluster.Body{withVIP(), given("n2"), dead}, nil, lan.Terms.Lapse(lease.Address) - 2*lan.Beat, false},
		"it lives":                           {[]cluster.Body{withVIP(), given("n2")}, nil, time.Minute, false},
		"it holds nothing":                   {[]cluster.Body{withVIP(), dead}, nil, time.Minute, false},
		"our own former life":                {[]cluster.Body{withVIP(), given("n1"), cluster.Admit{Node: "n1", Install: 1, Boot: 6}}, nil, time.Minute, false},
		"what it says when it is over":       {[]cluster.Body{withVIP(), given("n2"), dead}, &bus.Heartbeat{Revision: 6, Class: "gate"}, lan.Terms.Lapse(lease.Gate) + lan.Beat, false},
		"a newer life speaks for no old one": {[]cluster.Body{withVIP(), given("n2"), dead, cluster.Admit{Node: "n2", Install: 2, Boot: 6}}, nil, lan.Terms.Lapse(lease.Address) + lan.Beat, true},
	} {
		t.Run(name, func(t *testing.T) {
			boot := uint64(5)
			if name == "our own former life" {
				boot = 6
			}
			a := start(t, core.Config{}, core.Identity{Install: 1, Boot: boot}, held(t, c.more, "n1", "n2", "n3"))
			if c.beat != nil {
				a.step(time.Millisecond, a.from("n2", c.beat))
			}
			a.pass(c.wait)
			if got := slices.Contains(a.beat.Lapsed, bus.Lapse{Node: "n2", Life: 2}); got != c.want || !c.want && len(a.beat.Lapsed) > 0 {
				t.Fatalf("%+v, want %t", a.beat.Lapsed, c.want)
			}
		})
	}
}

// TestAcknowledgesNobodyBeforeItKnowsWhoIsOver: what its own log held at the start may say that a life is over, which others know
// already and rest on.
func TestAcknowledgesNobodyBeforeItKnowsWhoIsOver(t *testing.T) {
	h := held(t, []cluster.Body{withVIP(), given("n2")}, "n1", "n2", "n3")
	over, err := cluster.Command{Body: cluster.Condemn{Node: "n2", Epoch: 2, Votes: []cluster.NodeID{"n1", "n3"}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.Log.Entries = append(h.Log.Entries, consensus.Entry{Index: h.Log.Snapshot.Index + 1, Term: 1, Data: over})
	a := start(t, core.Config{}, core.Identity{Install: 1, Boot: 5}, h)
	a.step(time.Millisecond, a.from("n2", knows(a)))
	a.pass(2 * lan.Beat)
	if len(a.beat.Seen) > 0 {
		t.Fatalf("it acknowledges %+v", a.beat.Seen)
	}
}
