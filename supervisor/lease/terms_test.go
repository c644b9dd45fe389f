// SPDX-License-Identifier: Apache-2.0

package lease_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

var terms = lease.Terms{Hold: 1200 * time.Millisecond, Pause: time.Second, Margin: 20 * time.Millisecond, Drift: 0.05}

func TestTerms(t *testing.T) {
	for _, tc := range []struct {
		class       lease.Class
		gone, lapse time.Duration
	}{
		{lease.Gate, 1220 * time.Millisecond, 1369 * time.Millisecond},
		{lease.TimedSet, 2220 * time.Millisecond, 2474 * time.Millisecond},
		{lease.Address, 4220 * time.Millisecond, 4685 * time.Millisecond},
		{"", 4220 * time.Millisecond, 4685 * time.Millisecond},
		{"something newer", 4220 * time.Millisecond, 4685 * time.Millisecond},
	} {
		if got := terms.Gone(tc.class); got != tc.gone {
			t.Errorf("%q is gone after %s, not %s", tc.class, got, tc.gone)
		}
		if got := terms.Lapse(tc.class); got != tc.lapse {
			t.Errorf("%q lapses after %s, not %s", tc.class, got, tc.lapse)
		}
	}
	if got := terms.Until(at(100)); !got.Equal(at(1300)) {
		t.Errorf("a right that rests on 100 ms ends at %s", got.Sub(start))
	}
}

func TestWorse(t *testing.T) {
	for _, tc := range []struct{ a, b, want lease.Class }{
		{lease.Gate, lease.Gate, lease.Gate},
		{lease.Gate, lease.TimedSet, lease.TimedSet},
		{lease.TimedSet, lease.Address, lease.Address},
		{lease.Gate, "", lease.Address},
		{"something newer", lease.Gate, lease.Address},
	} {
		if got := tc.a.Worse(tc.b); got != tc.want {
			t.Errorf("%q and %q: %q, want %q", tc.a, tc.b, got, tc.want)
		}
		if got := tc.b.Worse(tc.a); got != tc.want {
			t.Errorf("%q and %q: %q, want %q", tc.b, tc.a, got, tc.want)
		}
	}
}

// TestLapseOutlastsHolder lets a holder's clock be as slow and a voter's as fast as they may be: when the voter says that the right
// has run out, it has.
func TestLapseOutlastsHolder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(1, most).Draw(t, name)) * time.Millisecond
		}
		drift := float64(rapid.IntRange(0, 200).Draw(t, "drift")) / 1000
		tm := lease.Terms{Hold: ms("hold", 60_000), Pause: ms("pause", 10_000), Margin: ms("margin", 100), Drift: drift}
		class := rapid.SampledFrom([]lease.Class{lease.Gate, lease.TimedSet, lease.Address}).Draw(t, "class")
		holder := float64(tm.Gone(class)) / (1 - drift) // of true time, from a heartbeat that nobody heard later than it was sent
		voter := float64(tm.Lapse(class)) / (1 + drift)
		if voter <= holder {
			t.Fatalf("a voter says so after %s, and a holder may act for %s", time.Duration(voter), time.Duration(holder))
		}
	})
}
