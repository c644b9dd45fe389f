// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
	// attendEvery is how often it is looked whether anybody is connected to what may move when nobody is.
	attendEvery = time.Second
	// quietLooks is how many looks in a row must find nobody. Clients that connect anew for each request are missed by one look.
	quietLooks = 3
)

// quiet counts the looks in a row that found nobody.
type quiet map[giving]int

// giving is a resource as it was given to a node.
type giving struct {
	resource string
	epoch    uint64
}

// enough tells whether nobody was seen for long enough.
func (q quiet) enough(w core.Holding) bool { return q[giving{w.Resource, w.Epoch}] >= quietLooks }

// askForUsers tells whether anybody is connected to one of the addresses.
type askForUsers func(ctx context.Context, addrs []netip.Addr) (bool, error)

// attend looks every attendEvery whether anybody uses what may move when nobody does.
func (h *Holder) attend(ctx context.Context, used askForUsers) {
	every := time.NewTicker(attendEvery)
	defer every.Stop()
	var failed error // the last look
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		err := h.lookForUsers(ctx, used)
		if err != nil && failed == nil && ctx.Err() == nil {
			h.opts.Log.Warn().Err(err).Msg("it is not known whether anybody uses the addresses, so nothing goes back when idle")
		}
		failed = err
	}
}

// lookForUsers looks once. What is not wholly here has no users that could be lost, and no right to be called idle: it was not given a
// chance to be used. Where a look fails the count begins again.
func (h *Holder) lookForUsers(ctx context.Context, used askForUsers) error {
	h.mu.Lock()
	var held []core.Holding
	for _, w := range h.ledger.Holds().Holdings {
		if w.Failback == cluster.FailbackWhenIdle && h.ledger.Status().Holds(w.Resource, w.Epoch) {
			held = append(held, w)
		}
	}
	before := h.quiet
	h.mu.Unlock()
	now := quiet{}
	var failed error
	for _, w := range held {
		var addrs []netip.Addr
		for _, p := range w.VIP.Prefixes() {
			addrs = append(addrs, p.Addr())
		}
		someone, err := used(ctx, addrs)
		switch {
		case err != nil:
			failed = err
		case !someone:
			g := giving{w.Resource, w.Epoch}
			now[g] = min(before[g]+1, quietLooks)
		}
	}
	h.mu.Lock()
	h.quiet = now
	h.mu.Unlock()
	if !maps.Equal(now, before) {
		h.look()
	}
	return failed
}
