// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"net/netip"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/link"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// bears is longer than any test takes, so that only the time that a test names passes.
const bears = time.Hour

// right gives a hold the right of a heartbeat that is sent now.
func right(h *Holder, w holdings.Hold, lasts time.Duration) holdings.Hold {
	h.Sample()
	w.Since = time.Now()
	w.Until = w.Since.Add(lasts)
	return w
}

// says has a guard say something.
func (h *Holder) says(answers uint64, units ...guard.UnitStatus) {
	h.hear(link.Report{
		Connected: true, Guard: wire.Hello{Class: "timed-set", Why: "an old kernel"}, Status: guard.Status{Answers: answers, Looked: true, Units: units},
	})
}

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// at is an address of these tests in a phase.
func at(prefix string, phase guard.Phase, why string) guard.AddressStatus {
	return guard.AddressStatus{Address: guard.Address{Prefix: netip.MustParsePrefix(prefix), Interface: "eth0"}, Phase: phase, Why: why}
}

// unitAs is what a guard says of a resource of one address.
func unitAs(epoch uint64, phase guard.Phase) guard.UnitStatus {
	return guard.UnitStatus{Resource: "vip", Epoch: epoch, Addresses: []guard.AddressStatus{at("10.0.0.100/24", phase, "")}}
}

// holding is that resource as the core gives it.
func holding(epoch uint64) core.Holding {
	return core.Holding{Resource: "vip", Epoch: epoch, VIP: cluster.VIPSpec{Addresses: []string{"10.0.0.100/24"}, Interface: "eth0"}}
}
