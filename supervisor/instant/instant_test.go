// SPDX-License-Identifier: Apache-2.0

package instant_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/instant"
)

// TestCheck asks whether package time is still as instant believes.
func TestCheck(t *testing.T) {
	if !instant.Check(time.Now()) {
		t.Error("this Go keeps times in another way")
	}
	if instant.Check(time.Now().Round(0)) {
		t.Error("a time without a monotonic reading proves nothing")
	}
}

// TestTime sets the wall clock between two readings of the monotonic one.
func TestTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		century := int64(100 * 365 * 24 * time.Hour)
		wall, other := rapid.Int64Range(0, century).Draw(t, "wall"), rapid.Int64Range(0, century).Draw(t, "other wall")
		mono, later := rapid.Int64Range(0, century).Draw(t, "mono"), rapid.Int64Range(0, century).Draw(t, "later mono")
		a, b := instant.Time(wall, mono), instant.Time(other, later)
		if a.UnixNano() != wall || b.UnixNano() != other {
			t.Fatalf("the wall clock shows %d and %d", a.UnixNano(), b.UnixNano())
		}
		if got := b.Sub(a); got != time.Duration(later-mono) {
			t.Fatalf("%s passed, not %s", time.Duration(later-mono), got)
		}
		if got, ok := instant.Mono(a); !ok || got != mono {
			t.Fatalf("monotonic reading %d %t, not %d", got, ok, mono)
		}
		if _, ok := instant.Mono(a.Round(0)); ok {
			t.Fatal("a time without a monotonic reading has one")
		}
	})
}
