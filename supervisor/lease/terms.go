// SPDX-License-Identifier: Apache-2.0

package lease

import "time"

// Class is what stops a holder whose right has run out while nothing of it runs any more.
type Class string

// The classes, the strictest first.
const (
	Gate     Class = "gate"      // the kernel compares each packet with a deadline
	TimedSet Class = "timed-set" // an element of a packet filter runs out
	Address  Class = "address"   // the address runs out
)

// Worse returns the class of the two that stops a holder later. What is no class counts as the worst.
func (c Class) Worse(o Class) Class {
	for _, worst := range []Class{Address, TimedSet, Gate} {
		if c.known() == worst || o.known() == worst {
			return worst
		}
	}
	return Address
}

func (c Class) known() Class {
	if c == Gate || c == TimedSet {
		return c
	}
	return Address
}

// Terms are the spans of time that exclusive rights rest on, all from the timing profile. The rules are in the comments.
type Terms struct {
	// Hold is how old the newest heartbeat of a holder that a majority acknowledged may be, counted from when it was sent, for
	// him to act on what is his: to take it, to keep it, to announce it.
	Hold time.Duration
	// Pause is the longest time for which a guard may be kept from running between a look at the clock and what it does then. It
	// matters where the kernel is told spans of time and not moments.
	Pause time.Duration
	// Margin covers clocks that are read in steps, and timers that fire late.
	Margin time.Duration
	// Drift is by which part clocks of machines may go wrong, such as 0.09.
	Drift float64
}

// lifetimeLate is by how much longer than it was told the kernel may keep an address: the last second of its lifetime counts as a
// whole one, and the kernel looks about once a second whether it is over (measured: up to 0.99 s).
const lifetimeLate = 2 * time.Second

// Until is when the rights of a holder end that rest on a heartbeat sent at a moment.
func (t Terms) Until(sent time.Time) time.Time { return sent.Add(t.Hold) }

// Gone is how long after the sending of the last heartbeat that a majority acknowledged nothing of a holder can act any more, by
// the holder's clock (D_n). The kernel that compares each packet with a moment needs nothing from anybody; where it is told a
// span, that may come late by a pause.
func (t Terms) Gone(c Class) time.Duration {
	switch c.known() {
	case Gate:
		return t.Hold + t.Margin
	case TimedSet:
		return t.Hold + t.Pause + t.Margin
	case Address:
	}
	return t.Hold + t.Pause + lifetimeLate + t.Margin
}

// Lapse is how long after a voter heard the last heartbeat that it acknowledged nothing of a holder can act any more, by the clock
// of the voter (D_v): the holder's clock may be slow and the voter's fast.
func (t Terms) Lapse(c Class) time.Duration {
	longest := time.Duration(float64(t.Gone(c)) * (1 + t.Drift) / (1 - t.Drift))
	return longest.Truncate(time.Millisecond) + time.Millisecond + t.Margin
}
