// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

const bears = time.Hour

var now = time.Unix(1_800_000_000, 0)

// account is a ledger of a test, in which every right begins now.
type account struct{ Ledger }

func newAccount() *account { return &account{Ledger{Bears: bears}} }

// gives has the core give something, with a right that lasts for a minute.
func (h *account) gives(w Hold) {
	w.Since, w.Until = now, now.Add(time.Minute)
	h.Hold(w, instant(w.Until))
}

// instant is a moment by the clock of the guard.
func instant(t time.Time) guard.Instant { return guard.Instant(t.UnixNano()) }

// says has a guard say something.
func (h *account) says(answers uint64, units ...guard.UnitStatus) {
	h.Hear(now, Said{Connected: true, Class: "timed-set", Why: "an old kernel", Status: guard.Status{Answers: answers, Looked: true, Units: units}})
}

func expect(t *testing.T, what string, h *account, at time.Time, want core.Guarded) {
	t.Helper()
	got, _ := h.Stands(at)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

// TestOrderIsKnown: an order counts as known to the guard when the guard has answered it, and knows what is on the links.
func TestOrderIsKnown(t *testing.T) {
	h := newAccount()
	expect(t, "nothing was asked for", h, now, core.Guarded{})
	h.gives(Hold{Order: 1})
	expect(t, "no guard has spoken", h, now, core.Guarded{})
	h.says(0)
	timed := core.Guarded{Class: lease.TimedSet, Why: "an old kernel"}
	expect(t, "the guard answers no order", h, now, timed)
	h.says(1)
	timed.Order = 1
	expect(t, "the guard answers", h, now, timed)

	h.gives(Hold{Order: 2, Holdings: []core.Holding{holding()}})
	expect(t, "there is another order", h, now, timed)
	h.says(2, unitAs(guard.Probing))
	timed.Order, timed.Units = 2, []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceTaking}}
	expect(t, "the guard answers it", h, now, timed)

	// The same units under another number of the core: the guard knows them already.
	h.gives(Hold{Order: 3, Holdings: []core.Holding{holding()}})
	timed.Order = 3
	expect(t, "the same again", h, now, timed)

	h.Hear(now, Said{Connected: true, Class: "timed-set", Why: "an old kernel", Status: guard.Status{Answers: 2, Units: []guard.UnitStatus{unitAs(guard.Probing)}}})
	timed.Order = 2
	expect(t, "a guard that has not looked yet", h, now, timed)
	stray := guard.UnitStatus{Addresses: []guard.AddressStatus{at("10.0.0.9/24", guard.Releasing, "")}}
	h.says(2, stray, unitAs(guard.Probing))
	expect(t, "a guard with what nobody ordered", h, now, timed)
}

// TestLostGuard: a guard that cannot be told anything is borne with for as long as a right lasts, and is trouble then.
func TestLostGuard(t *testing.T) {
	h := newAccount()
	h.gives(Hold{Order: 1, Holdings: []core.Holding{holding()}})
	h.says(1, unitAs(guard.Held))
	gone := Said{Class: h.said.Class, Why: h.said.Why, Status: h.said.Status, Err: errors.New("no luck")}
	h.Hear(now, gone)
	got, again := h.Stands(now)
	borne := core.Guarded{Class: lease.TimedSet, Why: "an old kernel", Units: []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceHeld}}}
	if diff := cmp.Diff(borne, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if ripe := h.lost.Add(bears); !again.Equal(ripe) {
		t.Errorf("it is looked at again %s after it is trouble", again.Sub(ripe))
	}
	h.Hear(now.Add(time.Second), gone) // again, and no later for that
	bad := borne
	bad.Units = []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceTrouble, Reason: "the guard of this node cannot be told anything: no luck"}}
	expect(t, "for too long", h, again, bad)
	h.says(1, unitAs(guard.Held))
	borne.Order = 1
	expect(t, "it is back", h, again, borne)
	h.Hear(again, gone)
	expect(t, "it is gone again, for a moment", h, again, core.Guarded{Class: borne.Class, Why: borne.Why, Units: borne.Units})
}

// TestStartedAgain: a node that has no right yet takes none away from what its guard holds; that the log gives it nothing needs none.
func TestStartedAgain(t *testing.T) {
	h := newAccount()
	h.Hold(Hold{Order: 1, Holdings: []core.Holding{holding()}}, 0)
	if h.wanted.Number != 0 || h.until != 0 {
		t.Fatalf("the guard is told order %d until %d", h.wanted.Number, h.until)
	}
	h.says(7, unitAs(guard.Held)) // what the former process ordered
	expect(t, "without a right", h, now, core.Guarded{
		Class: lease.TimedSet, Why: "an old kernel", Units: []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceHeld}},
	})
	h.gives(Hold{Order: 1, Holdings: []core.Holding{holding()}})
	if h.wanted.Number != 1 || h.until == 0 {
		t.Errorf("the guard is told order %d until %d", h.wanted.Number, h.until)
	}

	empty := newAccount()
	empty.Hold(Hold{Order: 1}, 0)
	if empty.wanted.Number != 1 || empty.until != 0 {
		t.Errorf("the guard of a node that holds nothing is told order %d until %d", empty.wanted.Number, empty.until)
	}
}

// TestDeadlineNeverGoesBack: the others rest on what was told.
func TestDeadlineNeverGoesBack(t *testing.T) {
	h := newAccount()
	one := []core.Holding{holding()}
	h.gives(Hold{Order: 1, Holdings: one})
	told := h.until
	if told != instant(now.Add(time.Minute)) {
		t.Fatalf("the deadline is %d", told)
	}
	since := func(order uint64) Hold { return Hold{Order: order, Holdings: one, Since: now, Until: now} }
	for _, tc := range []struct {
		what  string
		w     Hold
		until guard.Instant
	}{
		{"a right that ends earlier", since(1), told - 1},
		{"no word of a right", Hold{Order: 2, Holdings: one}, 0},
		{"a word of a right that rests on nothing", Hold{Order: 2, Holdings: one}, told + 1},
		{"one from before the clock was", since(3), 0},
		{"nothing to hold", Hold{Order: 4}, 0},
	} {
		h.Hold(tc.w, tc.until)
		if h.until != told || tc.w.Order != h.told || h.wanted.Until != told {
			t.Errorf("%s: the deadline moves by %s in order %d", tc.what, h.until.Sub(told), h.told)
		}
		if !h.holds.Since.Equal(now) {
			t.Errorf("%s: it is forgotten from when the right is counted: %s", tc.what, h.holds.Since)
		}
	}
	h.Hold(since(5), told+1)
	if h.until != told+1 || h.wanted.Until != told+1 {
		t.Errorf("a later deadline moves it by %d", h.until-told)
	}
}
