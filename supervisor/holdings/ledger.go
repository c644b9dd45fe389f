// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// Hold is what the guard is to hold.
type Hold struct {
	Order    uint64 // numbers the holdings: see core.Output
	Holdings []core.Holding
	Links    []string // where this node may come to hold something
	// Epochs are those under which other nodes hold what a command moves, by resource. They must not be changed.
	Epochs map[string]uint64
	// Until is the moment from which on nothing may be held, counted from Since. Zero times say nothing: what was told holds.
	Since, Until time.Time
}

// After returns what is to be held after a step of the core, and whether the guard has to hear of it.
func (h Hold) After(out *core.Output) (next Hold, news bool) {
	next = h
	next.Order, next.Since, next.Until = out.Order, out.HoldSince, out.HoldUntil
	if out.NewHoldings {
		next.Holdings, next.Links, next.Epochs = out.Holdings, out.Links, out.Epochs
		return next, true
	}
	if next.Order == 0 || next.Until.IsZero() || next.Until.Equal(h.Until) {
		return h, false
	}
	return next, true
}

// Said is what is known of the guard.
type Said struct {
	// Connected tells whether the guard can be told anything. What follows is from when it last was.
	Connected  bool
	Class, Why string // see core.Guarded
	Status     guard.Status
	// Err tells why the guard cannot be told anything.
	Err error
}

// Ledger is the account of what a guard was told, and of what it said. It is not safe for concurrent use.
type Ledger struct {
	// Bears is for how long it is borne that the guard cannot be told anything, before that is trouble: as long as a right lasts.
	Bears time.Duration

	holds  Hold            // with the right that was told last
	wanted dialogue.Wanted // of the guard
	until  guard.Instant   // the deadline that the guard was told
	told   uint64          // the newest order that it was told
	said   Said
	lost   time.Time // since when the guard cannot be told anything; zero = it can
}

// Holds is what the guard is to hold, with the right that was told last.
func (l *Ledger) Holds() Hold { return l.holds }

// Wanted is what the guard is to be told; its number is zero as long as there is nothing.
func (l *Ledger) Wanted() dialogue.Wanted { return l.wanted }

// Status is what the guard said last.
func (l *Ledger) Status() guard.Status { return l.said.Status }

// Hold replaces what is to be held. The deadline is that of its right by the clock of the guard, zero where it has none.
func (l *Ledger) Hold(w Hold, until guard.Instant) {
	if w.Since.IsZero() {
		w.Since, w.Until = l.holds.Since, l.holds.Until
	} else {
		l.until = max(l.until, until)
	}
	l.holds = w
	if l.until > 0 || len(w.Holdings) == 0 {
		l.wanted = l.wanted.Next(dialogue.Want{Units: Units(w.Holdings), Links: w.Links, Until: l.until})
		l.told = w.Order
	}
}

// Hear takes in what is known of the guard now.
func (l *Ledger) Hear(now time.Time, s Said) {
	l.said = s
	switch {
	case s.Connected:
		l.lost = time.Time{}
	case l.lost.IsZero():
		l.lost = now
	}
}

// Stands is how the guard stands, for the core, and when that changes by itself; zero is never.
func (l *Ledger) Stands(now time.Time) (g core.Guarded, again time.Time) {
	g = core.Guarded{Class: lease.Class(l.said.Class), Why: l.said.Why}
	if l.holds.Order > 0 {
		g.Order = l.holds.Order - 1
	}
	switch ripe := l.lost.Add(l.Bears); {
	case l.lost.IsZero():
		if n := l.wanted.Number; n > 0 && l.said.Status.Answers >= n && l.told == l.holds.Order && Vouches(l.said.Status) {
			g.Order = l.holds.Order
		}
	case now.Before(ripe):
		again = ripe
	default:
		for _, w := range l.holds.Holdings {
			g.Units = append(g.Units, core.Unit{
				Resource: w.Resource, Epoch: w.Epoch, State: bus.ResourceTrouble,
				Reason: fmt.Sprintf("the guard of this node cannot be told anything: %v", l.said.Err),
			})
		}
		return g, time.Time{}
	}
	g.Units = States(l.said.Status)
	return g, again
}
