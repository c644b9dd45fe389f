// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// report passes on how the guard and the links stand, whenever that changed.
func (h *Holder) report(ctx context.Context, tell func(core.Guarded)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var last core.Guarded
	for {
		now := time.Now()
		g, again := h.stands(now)
		if !same(g, last) {
			last = g
			tell(g)
		}
		if again.IsZero() {
			again = now.Add(time.Hour)
		}
		timer.Reset(again.Sub(now))
		select {
		case <-h.news:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// stands is how the guard and the links stand, and when that changes by itself.
func (h *Holder) stands(now time.Time) (g core.Guarded, again time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g, again = h.ledger.Stands(now)
	if at := h.carriers.look(now, h.ledger.Holds().Links, linkState); again.IsZero() || !at.IsZero() && at.Before(again) {
		again = at
	}
	g.Lacks = h.carriers.lacks(now)
	h.complete(g.Units)
	return g, again
}

func same(a, b core.Guarded) bool {
	return a.Class == b.Class && a.Why == b.Why && a.Order == b.Order && slices.Equal(a.Units, b.Units) && slices.Equal(a.Lacks, b.Lacks)
}

// complete adds what a command has to do with units, and whether anybody uses them.
func (h *Holder) complete(units []core.Unit) {
	held := h.ledger.Holds().Holdings
	for i := range units {
		u := &units[i]
		at := slices.IndexFunc(held, func(w core.Holding) bool { return w.Resource == u.Resource && w.Epoch == u.Epoch })
		if at < 0 {
			continue
		}
		w := held[at]
		if len(w.VIP.Command) > 0 {
			u.State, u.Reason = joined(*u, h.moved)
		}
		u.Idle = u.State == bus.ResourceHeld && w.Failback == cluster.FailbackWhenIdle && h.quiet.enough(w)
	}
}
