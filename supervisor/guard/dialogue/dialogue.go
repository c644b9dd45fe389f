// SPDX-License-Identifier: Apache-2.0

package dialogue

import (
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// Want is what the guard is to do.
type Want struct {
	// Units are to be held. They must not be changed afterwards.
	Units []guard.Unit
	// Links are interfaces on which units may come to be held, of this node or another one: see guard.Order.
	Links []string
	// Until is the moment from which on nothing may be held.
	Until guard.Instant
}

// Wanted is a want with the number of the order that says so, but for the deadline. The number is zero before the first one.
type Wanted struct {
	Want
	Number uint64
}

// Next returns a want in place of another one. It has the same number where it differs in its deadline alone.
func (w Wanted) Next(n Want) Wanted {
	number := w.Number
	if number == 0 || !slices.EqualFunc(w.Units, n.Units, same) || !slices.Equal(w.Links, n.Links) {
		number++
	}
	return Wanted{n, number}
}

func same(a, b guard.Unit) bool {
	return a.Resource == b.Resource && a.Epoch == b.Epoch && a.NoProbe == b.NoProbe && slices.Equal(a.Addresses, b.Addresses)
}

// Told is what the guard was told over one connection. The zero value is a new one.
type Told struct{ last Wanted }

// Heard takes in how the guard says it stands: whatever was told since its right ran out found no order in force.
func (t *Told) Heard(s guard.Status) {
	if s.Lapsed && s.Answers == t.last.Number {
		t.last.Until = 0
	}
}

// Next returns what to tell the guard next, an Order or an Extend, and takes it for told; nil if it knows all that is wanted.
func (t *Told) Next(w Wanted, now guard.Instant) guard.Event {
	if w.Number == 0 || t.last.Number == w.Number && t.last.Until == w.Until {
		return nil
	}
	var ev guard.Event
	switch {
	case t.last.Number == w.Number && t.last.Until > 0 && w.Until > t.last.Until:
		ev = guard.Extend{Until: w.Until}
	case t.last.Number == w.Number && t.last.Until == 0 && w.Until <= now:
		return nil // it has lapsed, and there is no right to tell of
	default:
		ev = guard.Order{Number: w.Number, Units: w.Units, Links: w.Links, Until: w.Until}
	}
	t.last = w
	return ev
}
