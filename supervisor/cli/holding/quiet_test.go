// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// TestIdle: what goes back when nobody uses it is idle after some looks in a row that found nobody, while it is held.
func TestIdle(t *testing.T) {
	h := New(Options{Bears: bears})
	w := holding(3)
	w.Failback = cluster.FailbackWhenIdle
	order := right(h, holdings.Hold{Order: 1, Holdings: []core.Holding{w}}, time.Minute)
	h.Hold(order)
	var someone bool
	var failure error
	var asked []netip.Addr
	look := func() {
		err := h.lookForUsers(t.Context(), func(_ context.Context, addrs []netip.Addr) (bool, error) {
			asked = append(asked, addrs...)
			return someone, failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("it ends with %v", err)
		}
	}
	idle := func(what string, want bool) {
		t.Helper()
		g, _ := h.stands(time.Now())
		if got := slices.ContainsFunc(g.Units, func(u core.Unit) bool { return u.Idle }); got != want {
			t.Errorf("%s: idle is %t", what, got)
		}
	}
	for range quietLooks {
		look()
	}
	h.says(1, unitAs(3, guard.Adding))
	look()
	if asked != nil {
		t.Errorf("it is asked for users of what is not held: %v", asked)
	}
	h.says(1, unitAs(3, guard.Held))
	idle("it has only come", false)
	for range quietLooks - 1 {
		look()
		idle("not for long enough", false)
	}
	look()
	idle("nobody uses it", true)
	someone = true
	look()
	idle("somebody does", false)
	someone = false
	for range quietLooks {
		idle("they have only gone", false)
		look()
	}
	idle("nobody uses it again", true)
	failure = errors.New("no luck")
	look()
	idle("it is not known", false)
	failure = nil
	for range quietLooks + 5 {
		look()
	}
	idle("it is known again", true)
	if len(asked) == 0 || slices.ContainsFunc(asked, func(a netip.Addr) bool { return a.String() != "10.0.0.100" }) {
		t.Errorf("it is asked for users of %v", asked)
	}

	// Under another epoch it was elsewhere meanwhile.
	order.Order, order.Holdings = 2, []core.Holding{{Resource: w.Resource, Epoch: 4, VIP: w.VIP, Failback: w.Failback}}
	h.Hold(order)
	h.says(2, unitAs(4, guard.Held))
	idle("it has come again", false)
	for range quietLooks {
		look()
	}
	idle("nobody uses it here", true)

	// What goes back at any time need not be looked at.
	order.Order, order.Holdings, asked = 3, []core.Holding{holding(4)}, nil
	h.Hold(order)
	look()
	idle("it does not matter", false)
	if asked != nil {
		t.Errorf("it is asked for users of %v", asked)
	}
}
