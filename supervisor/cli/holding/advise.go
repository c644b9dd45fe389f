// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// adviseEvery is how often it is looked whether an address is held whose surroundings were not looked at yet.
const adviseEvery = 2 * time.Second

// checkup looks at the settings of the machine that matter to an address.
type checkup func(ctx context.Context, a vip.Address) ([]vip.Advice, error)

// advise writes into the log, once for each address, which settings of this machine do not suit it. None is changed.
func (h *Holder) advise(ctx context.Context, look checkup) {
	told := map[guard.Address]bool{}
	ticker := time.NewTicker(adviseEvery)
	defer ticker.Stop()
	for {
		for _, a := range h.heldAddresses() {
			if told[a] {
				continue
			}
			told[a] = true
			advice, err := look(ctx, vip.Address(a))
			if err != nil {
				h.opts.Log.Debug().Err(err).Msg("the settings of this machine are not known")
			}
			for _, s := range advice {
				h.opts.Log.Warn().Str("address", a.String()).Str("setting", s.Setting).Str("have", s.Have).Str("want", s.Want).Msg(s.Why)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// heldAddresses are those that the guard says it holds.
func (h *Holder) heldAddresses() []guard.Address {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []guard.Address
	for _, u := range h.ledger.Status().Units {
		for _, a := range u.Addresses {
			if a.Phase == guard.Held {
				out = append(out, a.Address)
			}
		}
	}
	return out
}
