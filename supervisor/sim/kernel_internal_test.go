// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

var vip = guard.Address{Prefix: netip.MustParsePrefix("10.0.2.1/24"), Interface: "eth0"}

func at(d time.Duration) guard.Instant { return guard.Instant(d) }

// TestKernel: what ends a right in the kernels of the three classes, when an act looked at the clock at zero and came to the kernel at
// some other moment.
func TestKernel(t *testing.T) {
	const right = 1200 * time.Millisecond
	for _, tc := range []struct {
		class lease.Class
		late  time.Duration // from the look at the clock until the kernel is told
		until time.Duration
	}{
		{lease.Gate, 0, right},
		{lease.Gate, time.Second, right},
		{lease.TimedSet, 0, right},
		{lease.TimedSet, time.Second, right + time.Second},
		{lease.Address, 0, 2 * time.Second},
		{lease.Address, time.Second, 3 * time.Second},
	} {
		k := newKernel(tc.class)
		now := at(tc.late)
		k.keep(vip, now.Add(lifetimeOf(right, 0)))
		k.set(vip.Gated(), at(right), at(0), now)
		if got := k.passes(vip.Prefix.Addr(), at(right-1)); got != at(tc.until) {
			t.Errorf("%s, told %s late: packets pass until %d, not %s", tc.class, tc.late, got, tc.until)
		}
		if got := k.passes(vip.Prefix.Addr(), at(tc.until)); got != 0 {
			t.Errorf("%s, told %s late: packets pass at the end, until %d", tc.class, tc.late, got)
		}
		k.drop(vip)
		if k.passes(vip.Prefix.Addr(), now) != 0 || k.keeps(vip) != 0 {
			t.Errorf("%s: an address that is gone answers", tc.class)
		}
	}
}

// TestLifetimeOf: the last second of a lifetime is begun.
func TestLifetimeOf(t *testing.T) {
	for _, tc := range []struct{ valid, late, want time.Duration }{
		{time.Nanosecond, 0, time.Second},
		{time.Second, 0, time.Second},
		{time.Second + 1, 0, 2 * time.Second},
		{1200 * time.Millisecond, 900 * time.Millisecond, 2900 * time.Millisecond},
	} {
		if got := lifetimeOf(tc.valid, tc.late); got != tc.want {
			t.Errorf("%s is kept for %s, not %s", tc.valid, got, tc.want)
		}
	}
}

// TestSleptFor: what a machine slept, a gate has passed; a packet filter and a lifetime have not.
func TestSleptFor(t *testing.T) {
	const right, slept = 1200 * time.Millisecond, time.Minute
	for _, tc := range []struct {
		class lease.Class
		until time.Duration
	}{{lease.Gate, 0}, {lease.TimedSet, right + slept}, {lease.Address, 2*time.Second + slept}} {
		k := newKernel(tc.class)
		k.keep(vip, at(0).Add(lifetimeOf(right, 0)))
		k.set(vip.Gated(), at(right), at(0), at(0))
		k.sleptFor(slept)
		want := guard.Instant(0)
		if tc.until > 0 {
			want = at(tc.until)
		}
		if got := k.passes(vip.Prefix.Addr(), at(slept)); got != want {
			t.Errorf("%s: after the sleep packets pass until %d, not %s", tc.class, got, tc.until)
		}
	}
}
