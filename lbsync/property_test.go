// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// world is a balancer with HAProxy's rules, and what must never happen to it.
type world struct {
	now     time.Time
	have    Snapshot
	proven  map[Key]bool
	machine *Machine
	wants   []Want
	floors  map[string]int
}

func newWorld(t *rapid.T) *world {
	w := &world{
		now: time.Unix(1_700_000_000, 0), machine: NewMachine(), proven: map[Key]bool{},
		have: Snapshot{Epoch: Epoch{PID: 1}, Servers: map[Key]Have{}}, floors: map[string]int{"web": rapid.IntRange(0, 4).Draw(t, "floor")},
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		k := Key{Backend: "web", Server: name}
		w.have.Servers[k] = Have{
			Admin: rapid.SampledFrom([]Admin{Ready, Drain, Maint}).Draw(t, "admin"), Checked: rapid.Bool().Draw(t, "checked"),
			Up: true, Weight: 100, InitWeight: 100, Sessions: rapid.Int64Range(0, 2).Draw(t, "sessions"),
		}
		w.proven[k] = w.have.Servers[k].Admin != Maint
		if h := w.have.Servers[k]; h.Admin == Maint {
			h.Up = false
			w.have.Servers[k] = h
		}
	}
	return w
}

func (w *world) draw(t *rapid.T) {
	w.wants = nil
	for _, k := range keys(w.have) {
		w.wants = append(w.wants, Want{
			Key:      k,
			Service:  rapid.SampledFrom([]Service{ServiceLeave, ServiceServe, ServiceServe, ServiceDrain, ServiceSuspend, ServiceOut}).Draw(t, "service"),
			Deadline: rapid.SampledFrom([]time.Duration{0, 3 * time.Second}).Draw(t, "deadline"),
			Kill:     rapid.Bool().Draw(t, "kill"), SlowStart: rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(t, "slow"),
			Rank: rapid.IntRange(0, 2).Draw(t, "rank"),
		})
	}
}

// disturb changes the balancer as the world does: sessions end, checks answer, processes and people act.
func (w *world) disturb(t *rapid.T) {
	k := rapid.SampledFrom(keys(w.have)).Draw(t, "victim")
	h := w.have.Servers[k]
	switch rapid.IntRange(0, 6).Draw(t, "event") {
	case 0:
		h.Sessions = 0
	case 1:
		h.Sessions++
	case 2, 3:
		if h.Admin != Maint {
			h.Up, w.proven[k] = true, true
		}
	case 4:
		h.Up = false
	case 5:
		h.Admin = rapid.SampledFrom([]Admin{Ready, Maint}).Draw(t, "hand")
		h.Up = h.Admin == Ready
		w.proven[k] = h.Admin == Ready
	case 6:
		w.have.Epoch.PID++
	}
	w.have.Servers[k] = h
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
}

func (w *world) serving() int {
	n := 0
	for _, h := range w.have.Servers {
		if h.Serving() {
			n++
		}
	}
	return n
}

// carryOut applies a plan one operation at a time and checks the promises after each.
func (w *world) carryOut(t *rapid.T, ops []Op) {
	least := min(w.floors["web"], w.serving())
	for _, o := range ops {
		h := w.have.Servers[o.Key]
		if h.Admin == Maint {
			w.proven[o.Key] = false
		}
		if o.Kind == OpReady && h.Admin != Ready && h.Checked && h.Up && !w.proven[o.Key] {
			t.Fatalf("%s is put in service before its check has passed", o.Key)
		}
		w.have.Servers[o.Key] = applied(h, o)
		if n := w.serving(); n < least {
			t.Fatalf("%s leaves %d serving, under %d", o, n, least)
		}
	}
}

func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			if rapid.Bool().Draw(t, "change") {
				w.draw(t)
			}
			w.disturb(t)
			// Some plans are lost on the way or carried out by half.
			plan := w.machine.Step(w.now, w.wants, w.floors, w.have)
			w.carryOut(t, plan.Ops[:rapid.IntRange(0, len(plan.Ops)).Draw(t, "cut")])
		}
	})
}

func TestSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.draw(t)
		const stepsMax = 6
		for i := range stepsMax + 1 {
			plan := w.machine.Step(w.now, w.wants, w.floors, w.have)
			w.carryOut(t, plan.Ops)
			if plan.Drift > 0 {
				t.Fatalf("our own doing is taken for drift: %+v", plan)
			}
			if len(plan.Ops) == 0 {
				return
			}
			if i == stepsMax {
				t.Fatalf("no rest after %d steps: %v", stepsMax, plan.Ops)
			}
		}
	})
}

func TestEqualInputEqualPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newWorld(t)
		a.draw(t)
		twin, shuffled := NewMachine(), rapid.Permutation(a.wants).Draw(t, "order")
		for range 4 {
			one := a.machine.Step(a.now, a.wants, a.floors, a.have)
			two := twin.Step(a.now, shuffled, a.floors, a.have)
			if diff := cmp.Diff(one, two); diff != "" {
				t.Fatal(diff)
			}
			if !slices.IsSortedFunc(one.Ops, compareOps) {
				t.Fatalf("out of order: %v", one.Ops)
			}
			a.carryOut(t, one.Ops)
			a.disturb(t)
		}
	})
}

func TestKeepIsSparse(t *testing.T) {
	s := Snapshot{Servers: map[Key]Have{
		{"web", "plain"}:  {Weight: 10, InitWeight: 10, Up: true},
		{"web", "slow"}:   {Weight: 2, InitWeight: 10, Up: true, Port: 80},
		{"web", "gone"}:   {Admin: Maint, Weight: 10, InitWeight: 10},
		{"app", "leaves"}: {Admin: Drain, Weight: 1, InitWeight: 1, Up: true},
	}}
	want := []Kept{
		{Key: Key{"app", "leaves"}, Admin: Drain, Up: true, Weight: 1, InitWeight: 1},
		{Key: Key{"web", "gone"}, Admin: Maint, Weight: 10, InitWeight: 10},
		{Key: Key{"web", "slow"}, Up: true, Weight: 2, InitWeight: 10, Port: 80},
	}
	if diff := cmp.Diff(want, Keep(s)); diff != "" {
		t.Fatal(diff)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Admin(9).String(), "admin(9)"},
		{Service(9).String(), "service(9)"},
		{OpKind(9).String(), "op(9)"},
		{Phase(0).String(), "phase(0)"},
		{Phase(99).String(), "phase(99)"},
		{PhaseHeld.String(), "held"},
		{Op{Kind: OpWeight, Key: Key{"b", "s"}, Weight: 3}.String(), "b/s weight 3"},
		{Op{Kind: OpKill, Key: Key{"b", "s"}}.String(), "b/s kill"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestEpochsOfOneProcess(t *testing.T) {
	began := time.Unix(1000, 0)
	one := Epoch{PID: 7, Started: began, Gen: "a"}
	if same := (Epoch{PID: 7, Started: began.UTC(), Gen: "a"}); !one.Equal(same) {
		t.Error("the zone of a time makes another process of it")
	}
	for _, other := range []Epoch{{PID: 8, Started: began, Gen: "a"}, {PID: 7, Started: began.Add(time.Second), Gen: "a"}, {PID: 7, Started: began, Gen: "b"}} {
		if one.Equal(other) {
			t.Errorf("%+v is taken for %+v", other, one)
		}
	}
	for _, set := range []Epoch{{PID: 7}, {Started: began}, {Gen: "a"}} {
		if set.IsZero() {
			t.Errorf("%+v is taken for unset", set)
		}
	}
	if !(Epoch{}).IsZero() {
		t.Error("the zero epoch is set")
	}
}

func TestCapacityIsAddedBeforeItIsTaken(t *testing.T) {
	m := NewMachine()
	have := Snapshot{Epoch: Epoch{PID: 1}, Servers: map[Key]Have{
		{"web", "a"}: {Admin: Maint, Weight: 1, InitWeight: 1}, {"web", "b"}: {Weight: 1, InitWeight: 1, Sessions: 1},
		{"web", "z"}: {Admin: Drain, Weight: 1, InitWeight: 9}, {"web", "m"}: {Weight: 1, InitWeight: 1},
		{"web", "w"}: {Admin: Maint, Checked: true, Weight: 1, InitWeight: 1},
	}}
	plan := m.Step(time.Unix(0, 0), []Want{
		{Key: Key{"web", "a"}, Service: ServiceServe},
		{Key: Key{"web", "b"}, Service: ServiceOut, Kill: true},
		{Key: Key{"web", "m"}, Service: ServiceSuspend},
		{Key: Key{"web", "w"}, Service: ServiceServe},
		{Key: Key{"web", "z"}, Service: ServiceServe, Weight: 9},
	}, nil, have)
	var got []string
	for _, o := range plan.Ops {
		got = append(got, o.String())
	}
	want := []string{
		"web/z weight 9", "web/a ready", "web/z ready", "web/m drain", "web/w drain", "web/w health-down", "web/b maint", "web/b kill",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}
