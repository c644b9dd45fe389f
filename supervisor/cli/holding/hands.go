// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/process"
)

// Hands are the guard's hands: the addresses of the machine.
type Hands struct{ Links *vip.Links }

var _ process.Hands = Hands{}

// Ours implements process.Hands.
func (h Hands) Ours(ctx context.Context) ([]guard.Address, error) {
	ours, err := h.Links.Ours(ctx)
	var out []guard.Address
	for _, a := range ours {
		out = append(out, guard.Address(a))
	}
	return out, err
}

// Probe implements process.Hands.
func (h Hands) Probe(ctx context.Context, at guard.Address, within time.Duration) (string, error) {
	owner, taken, err := h.Links.Probe(ctx, vip.Address(at), within)
	if err != nil || !taken {
		return "", err
	}
	return owner.String(), nil
}

// Add implements process.Hands.
func (h Hands) Add(ctx context.Context, at guard.Address, valid time.Duration) error {
	err := h.Links.Add(ctx, vip.Address(at), valid)
	if errors.Is(err, vip.ErrForeign) {
		return errors.Join(process.ErrTaken, err)
	}
	return err
}

// Refresh implements process.Hands.
func (h Hands) Refresh(ctx context.Context, at guard.Address, valid time.Duration) (bool, error) {
	return h.Links.Refresh(ctx, vip.Address(at), valid)
}

// Remove implements process.Hands.
func (h Hands) Remove(ctx context.Context, at guard.Address) error {
	err := h.Links.Remove(ctx, vip.Address(at))
	if errors.Is(err, vip.ErrForeign) || errors.Is(err, vip.ErrInterface) {
		return nil
	}
	return err
}

// Announce implements process.Hands.
func (h Hands) Announce(ctx context.Context, at guard.Address) error {
	return h.Links.Announce(ctx, vip.Address(at))
}

// Watch implements process.Hands.
func (h Hands) Watch(ctx context.Context, tell func(guard.Event)) error {
	return h.Links.Watch(ctx, func(c vip.Change) {
		switch c.Kind {
		case vip.LinkUp:
			tell(guard.LinkUp{Interface: c.Interface})
		case vip.LinkDown:
		case vip.LinkGone, vip.AddressGone, vip.AddressByOthers, vip.LookAgain:
			tell(guard.Changed{})
		}
	})
}

// Gate is the guard's gate.
type Gate struct{ Gate *gate.Gate }

var _ process.Gate = Gate{}

// Class implements process.Gate.
func (g Gate) Class() (class, why string) { return string(g.Gate.Class()), g.Gate.Why() }

// Entries implements process.Gate.
func (g Gate) Entries(context.Context) ([]guard.Gated, error) {
	entries, err := g.Gate.Entries()
	var out []guard.Gated
	for _, e := range entries {
		out = append(out, guard.Gated{Addr: e.Addr, Interface: e.Interface})
	}
	return out, err
}

// Prepare implements process.Gate.
func (g Gate) Prepare(_ context.Context, link string) error { return g.Gate.Prepare(link) }

// Set implements process.Gate.
func (g Gate) Set(_ context.Context, addr netip.Addr, link string, until guard.Instant) error {
	return g.Gate.Set(addr, link, int64(until))
}

// Clear implements process.Gate.
func (g Gate) Clear(_ context.Context, addr netip.Addr, link string) error {
	return g.Gate.Clear(addr, link)
}
