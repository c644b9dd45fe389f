// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/link"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

// bears is longer than any test takes, so that only the time that a test names passes.
const bears = time.Hour

// right gives a hold the right of a heartbeat that is sent now.
func right(h *Holder, w node.Hold, lasts time.Duration) node.Hold {
	h.Sample()
	w.Since = time.Now()
	w.Until = w.Since.Add(lasts)
	return w
}

// says has a guard say something.
func (h *Holder) says(answers uint64, units ...guard.UnitStatus) {
	h.hear(link.Report{
		Connected: true, Guard: wire.Hello{Class: "timed-set", Why: "an old kernel"}, Status: guard.Status{Answers: answers, Looked: true, Units: units},
	})
}

func expect(t *testing.T, what string, h *Holder, now time.Time, want core.Guarded) {
	t.Helper()
	got, _ := h.stands(now)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

// TestOrderIsKnown: an order counts as known to the guard when the guard has answered it, and knows what is on the links.
func TestOrderIsKnown(t *testing.T) {
	h := New(Options{Bears: bears})
	now := time.Now()
	expect(t, "nothing was asked for", h, now, core.Guarded{})
	h.Hold(right(h, node.Hold{Order: 1}, time.Minute))
	expect(t, "no guard has spoken", h, now, core.Guarded{})
	h.says(0)
	timed := core.Guarded{Class: lease.TimedSet, Why: "an old kernel"}
	expect(t, "the guard answers no order", h, now, timed)
	h.says(1)
	timed.Order = 1
	expect(t, "the guard answers", h, now, timed)

	h.Hold(right(h, node.Hold{Order: 2, Holdings: []core.Holding{holding(3)}}, time.Minute))
	expect(t, "there is another order", h, now, timed)
	h.says(2, unitAs(3, guard.Probing))
	timed.Order, timed.Units = 2, []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceTaking}}
	expect(t, "the guard answers it", h, now, timed)

	// The same units under another number of the core: the guard knows them already.
	h.Hold(right(h, node.Hold{Order: 3, Holdings: []core.Holding{holding(3)}}, time.Minute))
	timed.Order = 3
	expect(t, "the same again", h, now, timed)

	h.hear(link.Report{Connected: true, Guard: h.said.Guard, Status: guard.Status{Answers: 2, Units: []guard.UnitStatus{unitAs(3, guard.Probing)}}})
	timed.Order = 2
	expect(t, "a guard that has not looked yet", h, now, timed)
	stray := guard.UnitStatus{Addresses: []guard.AddressStatus{at("10.0.0.9/24", guard.Releasing, "")}}
	h.says(2, stray, unitAs(3, guard.Probing))
	expect(t, "a guard with what nobody ordered", h, now, timed)
}

// TestLostGuard: a guard that cannot be told anything is borne with for as long as a right lasts, and is trouble then.
func TestLostGuard(t *testing.T) {
	h := New(Options{Bears: bears})
	h.Hold(right(h, node.Hold{Order: 1, Holdings: []core.Holding{holding(3)}}, time.Minute))
	h.says(1, unitAs(3, guard.Held))
	gone := link.Report{Guard: h.said.Guard, Status: h.said.Status, Err: errors.New("no luck")}
	h.hear(gone)
	now := time.Now()
	got, again := h.stands(now)
	borne := core.Guarded{Class: lease.TimedSet, Why: "an old kernel", Units: []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceHeld}}}
	if diff := cmp.Diff(borne, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if ripe := h.lost.Add(bears); !again.Equal(ripe) {
		t.Errorf("it is looked at again %s after it is trouble", again.Sub(ripe))
	}
	h.hear(gone) // again, and no later for that
	bad := borne
	bad.Units = []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceTrouble, Reason: "the guard of this node cannot be told anything: no luck"}}
	expect(t, "for too long", h, again, bad)
	h.says(1, unitAs(3, guard.Held))
	borne.Order = 1
	expect(t, "it is back", h, again, borne)
	h.hear(gone)
	expect(t, "it is gone again, for a moment", h, time.Now(), core.Guarded{Class: borne.Class, Why: borne.Why, Units: borne.Units})
}

// TestStartedAgain: a node that has no right yet takes none away from what its guard holds; that the log gives it nothing needs none.
func TestStartedAgain(t *testing.T) {
	h := New(Options{Bears: bears})
	h.Hold(node.Hold{Order: 1, Holdings: []core.Holding{holding(3)}})
	if h.number != 0 || h.until != 0 {
		t.Fatalf("the guard is told order %d until %d", h.number, h.until)
	}
	h.says(7, unitAs(3, guard.Held)) // what the former process ordered
	expect(t, "without a right", h, time.Now(), core.Guarded{
		Class: lease.TimedSet, Why: "an old kernel", Units: []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceHeld}},
	})
	h.Hold(right(h, node.Hold{Order: 1, Holdings: []core.Holding{holding(3)}}, time.Minute))
	if h.number != 1 || h.until == 0 {
		t.Errorf("the guard is told order %d until %d", h.number, h.until)
	}

	empty := New(Options{Bears: bears})
	empty.Hold(node.Hold{Order: 1})
	if empty.number != 1 || empty.until != 0 {
		t.Errorf("the guard of a node that holds nothing is told order %d until %d", empty.number, empty.until)
	}
}

// TestDeadlineNeverGoesBack: the others rest on what was told.
func TestDeadlineNeverGoesBack(t *testing.T) {
	h := New(Options{Bears: bears})
	one := []core.Holding{holding(3)}
	first := right(h, node.Hold{Order: 1, Holdings: one}, time.Minute)
	h.Hold(first)
	told := h.until
	if told == 0 {
		t.Fatal("there is no deadline")
	}
	earlier := first
	earlier.Until = first.Until.Add(-time.Second)
	for what, w := range map[string]node.Hold{
		"a right that ends earlier":     earlier,
		"no word of a right":            {Order: 2, Holdings: one},
		"one from before the clock was": {Order: 3, Holdings: one, Since: h.holds.Since.Add(-time.Hour), Until: h.holds.Until.Add(time.Hour)},
		"nothing to hold":               {Order: 4},
	} {
		if h.Hold(w); h.until != told {
			t.Errorf("%s: the deadline moves by %s", what, h.until.Sub(told))
		}
	}
	later := first
	later.Order, later.Until = 5, first.Until.Add(time.Second)
	if h.Hold(later); h.until.Sub(told) != time.Second {
		t.Errorf("a second more is %s more", h.until.Sub(told))
	}
}
