// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// rig is a machine whose commands end when and how they like, and what the machine was told, from which the test knows by itself what
// is right.
type rig struct {
	machine, twin *machine
	now, until    time.Time

	units  []Unit
	epochs map[string]uint64
	under  []under
	last   uint64          // number of a command
	mayGo  map[string]bool // resources of which an assign was begun, and no release since
}

// under is a command that is under way.
type under struct {
	op
	limit  time.Time
	killed bool
}

func newRig() *rig {
	return &rig{machine: newMachine(), twin: newMachine(), now: storyStart, epochs: map[string]uint64{}, mayGo: map[string]bool{}}
}

func (r *rig) right() bool { return r.now.Before(r.until) }

func (r *rig) step(t *rapid.T, ev event) {
	if o, ok := ev.(order); ok {
		r.units = o.units
		for _, u := range o.units {
			r.epochs[u.Resource] = max(r.epochs[u.Resource], u.Epoch)
		}
		for name, e := range o.epochs {
			r.epochs[name] = max(r.epochs[name], e)
		}
	}
	ops := r.machine.step(r.now, r.until, ev)
	again := r.twin.step(r.now, r.until, ev)
	if diff := cmp.Diff(ops, again, cmp.AllowUnexported(op{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Fatalf("the same story, another answer:\n%s", diff)
	}
	for _, o := range ops {
		if o.kill {
			r.judgeKill(t, o)
		} else {
			r.judgeBegin(t, o)
		}
	}
	for _, c := range r.under {
		if !c.killed && (!r.right() || !r.now.Before(c.limit)) {
			t.Fatalf("%s of %s goes on", c.verb, c.unit.Resource)
		}
	}
	if len(r.under) > parallelMax {
		t.Fatalf("%d commands at once", len(r.under))
	}
	if due := r.machine.due; !due.IsZero() && !due.After(r.now) {
		t.Fatalf("it asks for a step at %s, at %s", due, r.now)
	}
}

func (r *rig) judgeKill(t *rapid.T, o op) {
	i := slices.IndexFunc(r.under, func(c under) bool { return c.number == o.number })
	if i < 0 || r.under[i].killed || o.why == "" {
		t.Fatalf("%+v is killed, which does not run or was killed, or for no reason", o)
	}
	r.under[i].killed = true
}

func (r *rig) judgeBegin(t *rapid.T, o op) {
	name := o.unit.Resource
	switch {
	case !r.right():
		t.Fatalf("%s of %s begins without right, %s after the deadline", o.verb, name, r.now.Sub(r.until))
	case slices.ContainsFunc(r.under, func(c under) bool { return c.unit.Resource == name }):
		t.Fatalf("%s of %s begins while something runs there", o.verb, name)
	case o.number <= r.last:
		t.Fatalf("a number for the second time: %+v", o)
	case o.unit.Epoch < r.epochs[name]:
		t.Fatalf("%s of %s under epoch %d after %d", o.verb, name, o.unit.Epoch, r.epochs[name])
	case len(o.unit.Addresses) == 0:
		t.Fatalf("%s of nothing", o.verb)
	}
	r.last = o.number
	r.under = append(r.under, under{op: o, limit: r.now.Add(o.unit.Timeout)})
	if o.verb == Release {
		for _, u := range r.units {
			if u.Epoch == r.epochs[u.Resource] && slices.ContainsFunc(u.Addresses, func(a netip.Prefix) bool { return slices.Contains(o.unit.Addresses, a) }) {
				t.Fatalf("%v of %s are released, and %s wants one of them", o.unit.Addresses, name, u.Resource)
			}
		}
		if !r.mayGo[name] {
			t.Fatalf("%s is released, and nothing was assigned since the last time", name)
		}
		r.mayGo[name] = false
		return
	}
	wanted := slices.ContainsFunc(r.units, func(u Unit) bool { return u.Resource == name && u.same(o.unit) && (u.Waits == "" || o.verb == Check) })
	if !wanted {
		t.Fatalf("%s of %s, which is not wanted so", o.verb, name)
	}
	r.mayGo[name] = true
}

// pass lets the time pass, to when the machine asks for a step or to less.
func (r *rig) pass(t *rapid.T, by time.Duration) {
	to := r.now.Add(by)
	if due := r.machine.due; !due.IsZero() && due.Before(to) {
		to = due
	}
	r.now = to
	if !r.right() {
		clear(r.mayGo)
	}
	r.step(t, tick{})
}

func (r *rig) finish(t *rapid.T, i int, how outcome) {
	c := r.under[i]
	r.under = slices.Delete(r.under, i, i+1)
	e := ended{resource: c.unit.Resource, number: c.number, outcome: how}
	if how == failed {
		e.said = "no luck"
	}
	r.step(t, e)
}

func (r *rig) drawOrder(t *rapid.T) order {
	o := order{epochs: map[string]uint64{}}
	for i := range 12 {
		name := fmt.Sprint("r", i)
		if rapid.IntRange(0, 5).Draw(t, "known") == 0 {
			o.epochs[name] = rapid.Uint64Range(1, 5).Draw(t, "newest")
		}
		if rapid.IntRange(0, 3).Draw(t, "wanted") == 0 {
			continue
		}
		u := Unit{Resource: name, Epoch: r.epochs[name] + rapid.Uint64Range(0, 1).Draw(t, "epoch"), Interface: "eth0", Command: []string{"/move"}}
		if rapid.IntRange(0, 9).Draw(t, "old") == 0 {
			u.Epoch = 0
		}
		if rapid.IntRange(0, 4).Draw(t, "guard") == 0 {
			u.Waits = "contested"
		}
		u.Timeout = time.Duration(rapid.IntRange(0, 3).Draw(t, "timeout")) * 10 * time.Second
		for _, a := range []int{i, 100 + i%3} { // some addresses go from one to another
			if len(u.Addresses) == 0 || rapid.Bool().Draw(t, "second") {
				u.Addresses = append(u.Addresses, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(a)}), 24))
			}
		}
		o.units = append(o.units, u)
	}
	return o
}

// disturb does one thing that happens.
func (r *rig) disturb(t *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		r.step(t, r.drawOrder(t))
	case 1, 2:
		r.until = r.now.Add(time.Duration(rapid.IntRange(-1, 40).Draw(t, "right")) * time.Second)
		if !r.right() {
			clear(r.mayGo)
		}
		r.step(t, tick{})
	case 3, 4, 5, 6:
		if len(r.under) > 0 {
			how := rapid.SampledFrom([]outcome{done, done, done, failed, late}).Draw(t, "outcome")
			r.finish(t, rapid.IntRange(0, len(r.under)-1).Draw(t, "which"), how)
		}
	default:
		r.pass(t, time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms"))*time.Millisecond)
	}
}

// settle lets everything succeed, with a right that does not end, until all that can be held is.
func (r *rig) settle(t *rapid.T) {
	r.until = r.now.Add(24 * time.Hour)
	r.step(t, tick{})
	for range 200 {
		if len(r.under) > 0 {
			r.finish(t, 0, done)
		} else if !slices.ContainsFunc(r.machine.report().Units, r.unsettled) {
			return
		} else {
			r.pass(t, time.Minute)
		}
	}
	t.Fatalf("it does not settle: %+v", r.machine.report())
}

func (r *rig) unsettled(s Status) bool {
	return s.Epoch == r.epochs[s.Resource] && s.State != Held &&
		slices.ContainsFunc(r.units, func(u Unit) bool { return u.Resource == s.Resource && u.Waits == "" })
}

// TestRights: whatever happens, nothing begins or goes on at or after the deadline, never do two commands of one resource run at once,
// and when all that is over, everything comes right.
func TestRights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig()
		for range rapid.IntRange(1, 150).Draw(t, "events") {
			r.disturb(t)
		}
		r.settle(t)
	})
}
