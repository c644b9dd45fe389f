// SPDX-License-Identifier: Apache-2.0

package guard

// Event is anything that a machine is told.
//
//sumtype:decl
type Event interface{ event() }

// Order is the whole of what a supervisor wants held, in place of what it wanted before.
type Order struct {
	// Number counts the orders of one supervisor, from 1. The status tells which one it answers.
	Number uint64 `json:"number"`
	Units  []Unit `json:"units"`
	// Links are interfaces on which addresses may come to be held: their gates are made ready, which takes long enough to be
	// noticed when an address moves. Those that the guard cannot take are passed over.
	Links []string `json:"links,omitempty"`
	// Until is the moment from which on nothing may be held.
	Until Instant `json:"until"`
}

// Extend moves the deadline of the order in force. One that is earlier than the deadline changes nothing.
type Extend struct {
	Until Instant `json:"until"`
}

// Attached tells that a supervisor is there: another than before, or the same again.
type Attached struct{}

// Lost tells that the supervisor is gone. It changes nothing but what is reported.
type Lost struct{}

// Tick tells the time and nothing else. It is due when Machine.Due says so.
type Tick struct{}

// Changed tells that something about the addresses on the links changed, which may be our own doing.
type Changed struct{}

// LinkUp tells that a link came up or found its carrier again: its neighbours may have forgotten who has the address.
type LinkUp struct{ Interface string }

// Seen is what a look found, the answer to OpLook.
type Seen struct {
	// Addresses are all that carry our mark, ordered or not.
	Addresses []Address
	// Gates are all that there are.
	Gates []Gated
}

// Result is what became of an operation; that of a look that succeeded is Seen.
type Result struct {
	Op      Op
	Outcome Outcome
	// Detail is the error, or who the stranger is.
	Detail string
}

// Quit tells that the guard is to let go of everything for good.
type Quit struct{}

func (Order) event()    {}
func (Extend) event()   {}
func (Attached) event() {}
func (Lost) event()     {}
func (Tick) event()     {}
func (Changed) event()  {}
func (LinkUp) event()   {}
func (Seen) event()     {}
func (Result) event()   {}
func (Quit) event()     {}

// Outcome is how an operation ended.
type Outcome uint8

// The outcomes.
const (
	// Done means that it was carried out. A probe that is done heard of no stranger.
	Done Outcome = iota + 1
	// Gone means that there was no address to refresh. It was not created.
	Gone
	// Taken means that somebody else has the address. It was not added.
	Taken
	// Late means that the deadline was there before the operation, which was left, or before its end, when it was undone.
	Late
	// Failed means that what it did is not known.
	Failed
)

// String returns the outcome's word in logs and goldens.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Gone:
		return "gone"
	case Taken:
		return "taken"
	case Late:
		return "late"
	case Failed:
		return "failed"
	default:
		return "unknown"
	}
}
