// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// ErrTaken says that an address is somebody else's on this very machine: it is on a link, and we did not put it there.
var ErrTaken = errors.New("the address is on a link of this machine, and not put there by the guard")

// Hands put addresses on links and take them off. All errors mean "not known". Only Probe and Watch are called side by side
// with others.
type Hands interface {
	// Ours returns every address that carries our mark, whoever asked for it.
	Ours(ctx context.Context) ([]guard.Address, error)
	// Probe asks the neighbours who has the address, and waits so long for an answer. The owner is whoever answered, such as
	// a hardware address, and empty when nobody did.
	Probe(ctx context.Context, at guard.Address, within time.Duration) (owner string, err error)
	// Add puts an address on its link, to be dropped by the kernel after so long. Kernels count seconds: it is for the hands
	// to round up. It returns ErrTaken for an address that is there and not ours; ours is given the new life.
	Add(ctx context.Context, at guard.Address, valid time.Duration) error
	// Refresh gives an address of ours that is there another life. It tells whether there was one, and never creates it.
	Refresh(ctx context.Context, at guard.Address, valid time.Duration) (there bool, err error)
	// Remove takes an address off its link. One that is gone already, or not ours, is no error and is left alone; so is one
	// on a link that is gone.
	Remove(ctx context.Context, at guard.Address) error
	// Announce tells the neighbours that the address is here.
	Announce(ctx context.Context, at guard.Address) error
	// Watch calls on every change of addresses, with guard.Changed, and for every link that came up, with guard.LinkUp, until
	// the context has ended or it cannot go on; it is then called again. Changes may be told of too often and may be missed.
	Watch(ctx context.Context, tell func(guard.Event)) error
}

// Gate lets packets of an address pass until a deadline. Its methods are called one at a time.
type Gate interface {
	// Class is the class of the gate, in the word that the status shows, and why tells why it is none better.
	Class() (class, why string)
	// Entries returns every gate that there is, whoever set it. A class without gates in the kernel returns none.
	Entries(ctx context.Context) ([]guard.Gated, error)
	// Prepare makes gates on a link ready, so that Set takes no time there. It touches no packet.
	Prepare(ctx context.Context, link string) error
	// Set gives the gate before an address a deadline of the boot clock, and makes it if there is none. From the deadline on
	// nothing passes. A deadline that has passed, zero as well, closes it.
	Set(ctx context.Context, addr netip.Addr, link string, until guard.Instant) error
	// Clear takes the gate away: what passes is nobody's concern any more. One that is gone already is no error.
	Clear(ctx context.Context, addr netip.Addr, link string) error
}
