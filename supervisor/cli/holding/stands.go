// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
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
	again = h.carriers.look(now, h.holds.Links, linkState)
	g = core.Guarded{Class: lease.Class(h.said.Guard.Class), Why: h.said.Guard.Why, Lacks: h.carriers.lacks(now)}
	if h.holds.Order > 0 {
		g.Order = h.holds.Order - 1
	}
	if !h.lost.IsZero() {
		if ripe := h.lost.Add(h.opts.Bears); now.Before(ripe) {
			g.Units = h.units()
			if again.IsZero() || ripe.Before(again) {
				again = ripe
			}
			return g, again
		}
		for _, w := range h.holds.Holdings {
			g.Units = append(g.Units, core.Unit{
				Resource: w.Resource, Epoch: w.Epoch, State: bus.ResourceTrouble,
				Reason: fmt.Sprintf("the guard of this node cannot be told anything: %v", h.said.Err),
			})
		}
		return g, again
	}
	if h.said.Status.Answers >= h.number && h.number > 0 && h.told == h.holds.Order && vouches(h.said.Status) {
		g.Order = h.holds.Order
	}
	g.Units = h.units()
	return g, again
}

func same(a, b core.Guarded) bool {
	return a.Class == b.Class && a.Why == b.Why && a.Order == b.Order && slices.Equal(a.Units, b.Units) && slices.Equal(a.Lacks, b.Lacks)
}

// units are what the guard has, with what a command has to do with it and whether anybody uses it.
func (h *Holder) units() []core.Unit {
	units := unitsOf(h.said.Status)
	for i := range units {
		u := &units[i]
		at := slices.IndexFunc(h.holds.Holdings, func(w core.Holding) bool { return w.Resource == u.Resource && w.Epoch == u.Epoch })
		if at < 0 {
			continue
		}
		w := h.holds.Holdings[at]
		if len(w.VIP.Command) > 0 {
			u.State, u.Reason = joined(*u, h.moved)
		}
		u.Idle = u.State == bus.ResourceHeld && w.Failback == cluster.FailbackWhenIdle && h.quiet.enough(w)
	}
	return units
}
