// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// DefaultTimeout is how long a command may take if the unit does not say.
	DefaultTimeout = 30 * time.Second
	// DefaultEvery is the time between two checks if the unit does not say.
	DefaultEvery = 30 * time.Second
)

// Unit is a resource whose addresses are moved by a command.
type Unit struct {
	Resource string
	// Epoch is the fencing token under which this node holds the resource.
	Epoch uint64
	// Addresses keep their host bits: 10.0.0.100/24.
	Addresses []netip.Prefix
	Interface string
	// Command is the program, by its absolute path, and its arguments. The verb is put behind them. A unit without one is ignored:
	// its neighbours heed gratuitous ARP.
	Command []string
	// Waits tells why the address is not to be assigned yet: the guard does not hold it. It is empty when it does.
	Waits string
	// Timeout is how long one command may take; zero is DefaultTimeout.
	Timeout time.Duration
	// Every is the time from the end of a command to the next check; zero is DefaultEvery.
	Every time.Duration
}

// Verb is what a command is asked to do: its last argument.
type Verb string

// The verbs.
const (
	// Assign brings the addresses to this node, from wherever they are. That they are here already is no failure.
	Assign Verb = "assign"
	// Check succeeds if the addresses are assigned to this node, and changes nothing.
	Check Verb = "check"
	// Release takes the addresses away from this node, and from no other one.
	Release Verb = "release"
)

// filled returns the unit with its defaults.
func (u Unit) filled() Unit {
	if u.Timeout <= 0 {
		u.Timeout = DefaultTimeout
	}
	if u.Every <= 0 {
		u.Every = DefaultEvery
	}
	return u
}

// same tells whether two units ask for the same to be assigned.
func (u Unit) same(o Unit) bool {
	return u.Epoch == o.Epoch && u.Interface == o.Interface && slices.Equal(u.Addresses, o.Addresses) && slices.Equal(u.Command, o.Command)
}

// without returns the unit without the addresses in a set.
func (u Unit) without(set map[netip.Addr]bool) Unit {
	u.Addresses = slices.DeleteFunc(slices.Clone(u.Addresses), func(p netip.Prefix) bool { return set[p.Addr()] })
	return u
}

// environment is what a command is told, besides its verb.
func (u Unit) environment(node string) []string {
	var addresses, lengths []string
	for _, p := range u.Addresses {
		addresses = append(addresses, p.Addr().String())
		lengths = append(lengths, strconv.Itoa(p.Bits()))
	}
	return []string{
		"EVENKEEL_RESOURCE=" + u.Resource,
		"EVENKEEL_EPOCH=" + strconv.FormatUint(u.Epoch, 10),
		"EVENKEEL_ADDRESS=" + strings.Join(addresses, " "),
		"EVENKEEL_PREFIX=" + strings.Join(lengths, " "),
		"EVENKEEL_INTERFACE=" + u.Interface,
		"EVENKEEL_NODE=" + node,
	}
}

// State is how a unit stands.
type State string

// The states.
const (
	// Taking means that the addresses are being brought here, or that something has to come first.
	Taking State = "taking"
	// Held means that the command said so, and nothing has said otherwise since.
	Held State = "held"
	// Trouble means that the command failed to bring them here. It is run again.
	Trouble State = "trouble"
)

// Status is how one unit stands.
type Status struct {
	Resource string
	Epoch    uint64
	State    State
	// Reason is why it is not held, in an operator's words; it may be empty while a command is under way.
	Reason string
}

// Report is how all units stand that are wanted, by the name of the resource.
type Report struct{ Units []Status }
