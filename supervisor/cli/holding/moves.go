// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"slices"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/mover"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// notHeld is why a command is not run yet.
const notHeld = "the guard of this node does not hold the addresses yet"

// runMover runs the mover from when it is first needed.
func (h *Holder) runMover(ctx context.Context) error {
	select {
	case <-h.move:
		return h.mover.Run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// tellMover tells the mover what is held, and what of it is here already, if there is anything for it to do or was.
func (h *Holder) tellMover() {
	if !h.moves {
		if !slices.ContainsFunc(h.ledger.Holds().Holdings, func(w core.Holding) bool { return len(w.VIP.Command) > 0 }) {
			return
		}
		h.moves = true
		close(h.move)
	}
	w := h.ledger.Holds()
	h.mover.Want(mover.Want{Units: movesOf(w.Holdings, h.ledger.Status()), Epochs: w.Epochs, Since: w.Since, Until: w.Until})
}

// hearMover takes what the mover says.
func (h *Holder) hearMover(r mover.Report) {
	h.mu.Lock()
	h.moved = r.Units
	h.mu.Unlock()
	h.look()
}

// movesOf words holdings as the mover takes them.
func movesOf(holdings []core.Holding, s guard.Status) []mover.Unit {
	var out []mover.Unit
	for _, w := range holdings {
		if len(w.VIP.Command) == 0 {
			continue
		}
		u := mover.Unit{
			Resource: w.Resource, Epoch: w.Epoch, Addresses: w.VIP.Prefixes(), Interface: w.VIP.Interface, Command: w.VIP.Command,
		}
		if !s.Holds(w.Resource, w.Epoch) {
			u.Waits = notHeld
		}
		out = append(out, u)
	}
	return out
}

// joined tells how a unit stands that a command moves: as the worse of what the guard and the mover say. What is gone from the
// guard is gone from this node, whatever a command has to say.
func joined(u core.Unit, moved []mover.Status) (state, reason string) {
	state, reason = bus.ResourceTaking, "the command that moves it was not run yet"
	i := slices.IndexFunc(moved, func(m mover.Status) bool { return m.Resource == u.Resource && m.Epoch == u.Epoch })
	if i >= 0 {
		state, reason = movedTo(moved[i].State), moved[i].Reason
	}
	if u.State == bus.ResourceGone || holdings.Worse(u.State) >= holdings.Worse(state) {
		return u.State, u.Reason
	}
	return state, reason
}

func movedTo(s mover.State) string {
	switch s {
	case mover.Held:
		return bus.ResourceHeld
	case mover.Trouble:
		return bus.ResourceTrouble
	case mover.Taking:
	}
	return bus.ResourceTaking
}
