// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"cmp"
	"strconv"
)

// OpKind is what an operation does. The values are in the order in which operations are carried out.
type OpKind uint8

// The operations.
const (
	// OpWeight sets the weight in force to Op.Weight, an absolute value.
	OpWeight OpKind = iota + 1
	// OpReady opens the server to new requests.
	OpReady
	// OpDrain closes the server to new requests and lets those in progress finish.
	OpDrain
	// OpHealthDown makes the balancer hold the server for down until its own check has passed as often as it asks.
	OpHealthDown
	// OpMaint puts the server in maintenance.
	OpMaint
	// OpKill cuts the sessions in progress on the server.
	OpKill
)

// String returns the operation's word in logs, reports and goldens.
func (k OpKind) String() string {
	switch k {
	case OpWeight:
		return "weight"
	case OpReady:
		return "ready"
	case OpDrain:
		return "drain"
	case OpHealthDown:
		return "health-down"
	case OpMaint:
		return "maint"
	case OpKill:
		return "kill"
	default:
		return "op(" + strconv.Itoa(int(k)) + ")"
	}
}

// Op is one operation on one server. It says what should be, not what to add or subtract, so repeating it is harmless.
type Op struct {
	Kind OpKind
	Key  Key
	// Weight is the absolute weight of an OpWeight, and zero otherwise.
	Weight int
	// Why is the reason in an operator's words.
	Why string
}

// String returns the operation without its reason, such as "web/n1 weight 20".
func (o Op) String() string {
	if o.Kind == OpWeight {
		return o.Key.String() + " weight " + strconv.Itoa(o.Weight)
	}
	return o.Key.String() + " " + o.Kind.String()
}

// Confirmed tells whether a read-back shows the operation's effect. A forced health and cut sessions leave no lasting
// mark, so for those the server only has to exist.
func (o Op) Confirmed(h Have) bool {
	switch o.Kind {
	case OpWeight:
		return h.Weight == o.Weight
	case OpReady:
		return h.Admin == Ready
	case OpDrain:
		return h.Admin == Drain
	case OpMaint:
		return h.Admin == Maint
	case OpHealthDown, OpKill:
		return true
	default:
		return false
	}
}

func compareOps(a, b Op) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Key.Compare(b.Key))
}

// OpErr says that an operation did not take, and why as far as the balancer told.
type OpErr struct {
	Op  Op
	Err error
}

// String returns the operation and its cause.
func (e OpErr) String() string { return e.Op.String() + ": " + e.Err.Error() }
