// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// Units words holdings as the guard takes them.
func Units(holdings []core.Holding) []guard.Unit {
	var out []guard.Unit
	for _, h := range holdings {
		// Until the command has been run, the network answers for the machine that had the address, and the command waits for the
		// guard.
		u := guard.Unit{Resource: h.Resource, Epoch: h.Epoch, NoProbe: len(h.VIP.Command) > 0}
		for _, p := range h.VIP.Prefixes() {
			a := guard.Address{Prefix: p, Interface: h.VIP.Interface}
			if p.Addr().Is4() {
				a.Label = h.VIP.Label
			}
			u.Addresses = append(u.Addresses, a)
		}
		out = append(out, u)
	}
	return out
}

// States words what a guard says as the core takes it. What belongs to nobody is left out: see Vouches.
func States(s guard.Status) []core.Unit {
	var out []core.Unit
	for _, u := range s.Units {
		if u.Resource == "" {
			continue
		}
		unit := core.Unit{Resource: u.Resource, Epoch: u.Epoch}
		unit.State, unit.Reason = stateOf(u)
		out = append(out, unit)
	}
	return out
}

// Vouches tells whether what a status does not name is surely gone.
func Vouches(s guard.Status) bool {
	return s.Looked && !slices.ContainsFunc(s.Units, func(u guard.UnitStatus) bool { return u.Resource == "" && len(u.Addresses) > 0 })
}

// stateOf tells how a unit stands: as its worst address.
func stateOf(u guard.UnitStatus) (state, reason string) {
	if u.Refused != "" {
		return bus.ResourceTrouble, u.Refused
	}
	state = bus.ResourceGone
	for _, a := range u.Addresses {
		s, why := wordOf(a)
		if Worse(s) > Worse(state) || s == state && reason == "" {
			state, reason = s, why
		}
	}
	return state, reason
}

// Worse orders states: a unit stands as its worst address does. An address that is gone stands behind one that is held: the
// others are about to go as well.
func Worse(state string) int {
	return slices.Index([]string{bus.ResourceGone, bus.ResourceHeld, bus.ResourceTaking, bus.ResourceTrouble}, state)
}

func wordOf(a guard.AddressStatus) (state, reason string) {
	why := ""
	if a.Why != "" {
		why = fmt.Sprintf("%s: %s", a.Address, a.Why)
	}
	switch a.Phase {
	case guard.Held:
		return bus.ResourceHeld, why
	case guard.Lapsed:
		return bus.ResourceGone, why
	case guard.Contested:
		return bus.ResourceTrouble, fmt.Sprintf("%s: %s, as an answer to our probe says; it is not fought for", a.Address, cmp.Or(a.Why, "somebody has it"))
	case guard.Failing:
		return bus.ResourceTrouble, why
	case guard.Waiting, guard.Probing, guard.Adding, guard.Releasing:
	}
	return bus.ResourceTaking, why
}
