// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"slices"
	"strconv"
)

// OpKind is what an operation does. The values are in the order in which a step lists them: what lets go comes first.
type OpKind uint8

// The operations.
const (
	// OpSetGate moves the deadline of a gate to Op.Until, and makes the gate if there is none. A deadline of zero closes it.
	OpSetGate OpKind = iota + 1
	// OpRemove takes the address off its link, if it is there and ours.
	OpRemove
	// OpClearGate takes the gate away, so that anybody's packets pass.
	OpClearGate
	// OpAdd puts the address on its link until Op.Until. It is for who has the right.
	OpAdd
	// OpRefresh lets the kernel keep the address until Op.Until, if it is there. It is for who has the right.
	OpRefresh
	// OpAnnounce tells the neighbours that the address is here. It is for who has the right.
	OpAnnounce
	// OpProbe asks the neighbours who has the address. It is for who has the right.
	OpProbe
	// OpPrepare makes the gate ready on a link, before there is an address.
	OpPrepare
	// OpLook reads which addresses and gates of ours there are. Its answer is Seen.
	OpLook
	// OpReport tells the supervisor the Status of the machine. It has no result.
	OpReport
)

// String returns the operation's word in logs and goldens.
func (k OpKind) String() string {
	words := [...]string{
		OpSetGate: "set-gate", OpRemove: "remove", OpClearGate: "clear-gate", OpAdd: "add", OpRefresh: "refresh",
		OpAnnounce: "announce", OpProbe: "probe", OpPrepare: "prepare", OpLook: "look", OpReport: "report",
	}
	if k == 0 || int(k) >= len(words) {
		return "op(" + strconv.Itoa(int(k)) + ")"
	}
	return words[k]
}

// NeedsRight tells whether an operation of this kind may be done only before the deadline.
func (k OpKind) NeedsRight() bool {
	return k == OpAdd || k == OpRefresh || k == OpAnnounce || k == OpProbe
}

// ForGate tells whether the gate carries an operation of this kind out, and not the hands.
func (k OpKind) ForGate() bool { return k == OpSetGate || k == OpClearGate || k == OpPrepare }

// Op is one operation. All but OpLook and OpReport are about an address and answered by one Result.
type Op struct {
	Kind OpKind
	// Address is where it is done. Operations of the gate look at its Gated only, and OpPrepare at its Interface.
	Address Address
	// Until is the deadline that goes with OpSetGate, OpAdd and OpRefresh.
	Until Instant
	// Why is the reason in an operator's words.
	Why string
}

// String returns the operation without its reason and deadline, such as "add 10.0.0.100/24 on eth0".
func (o Op) String() string {
	switch {
	case o.Kind == OpLook || o.Kind == OpReport:
		return o.Kind.String()
	case o.Kind == OpPrepare:
		return o.Kind.String() + " " + o.Address.Interface
	case o.Kind.ForGate():
		return o.Kind.String() + " " + o.Address.Gated().String()
	default:
		return o.Kind.String() + " " + o.Address.String()
	}
}

// MayBegin tells whether an operation may begin at a moment, with a right that ends at another (rule N1).
func (o Op) MayBegin(now, until Instant) bool {
	return !o.Kind.NeedsRight() || now < until.Add(-Margin)
}

// Counts tells whether what an operation did by a moment may stay, with a right that ends at another (rule N6).
func (o Op) Counts(now, until Instant) bool { return !o.Kind.NeedsRight() || now < until }

// Queue is operations that wait for their turn: the most urgent first, those of one kind in their order.
type Queue []Op

// Add puts an operation in its place.
func (q *Queue) Add(o Op) {
	i, _ := slices.BinarySearchFunc(*q, o, func(p, o Op) int {
		return cmp.Or(cmp.Compare(p.Kind, o.Kind), -1) // behind those of its kind
	})
	*q = slices.Insert(*q, i, o)
}

// Take takes the first one out; there must be one.
func (q *Queue) Take() Op {
	first := (*q)[0]
	*q = slices.Delete(*q, 0, 1)
	return first
}

func compareOps(a, b Op) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), compareAddresses(a.Address, b.Address))
}
