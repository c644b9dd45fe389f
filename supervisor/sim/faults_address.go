// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
)

// inflictAddress is what befalls addresses and who has them.
func (w *World) inflictAddress(k Kind) {
	m, d := w.victim(), w.span()
	at := w.rng.IntN(max(1, w.opt.Resources))
	if m.guard == nil {
		return
	}
	r := w.spec.Resources[at].Name
	w.say("FAULT", fmt.Sprintf("%s %s (%s) for %s", k, m.name, r, d))
	switch k { //nolint:exhaustive // the others are not of this group
	case KillGuard:
		m.guard.kill()
	case BalkKernel:
		m.guard.balks = true
		w.undo(d, func() { m.guard.balks = false })
	case Stranger:
		w.strangers[r] = true
		w.undo(d, func() { w.strangers[r] = false })
	case TakeAway:
		for _, a := range slices.Clone(m.guard.kernel.addrs) {
			m.guard.takeAway(a.Address)
		}
	}
}
