// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

// TestNeverLate holds the holder's conversion against the clocks themselves: what began at a moment that lies between two readings
// of the boot clock has an instant that is not after the second one.
func TestNeverLate(t *testing.T) {
	h := New(Options{})
	for range 1000 {
		h.Sample()
		since := time.Now()
		after := bootclock.Now()
		if got := h.clock.Until(since, time.Second); got > after.Add(time.Second) {
			t.Fatalf("%s late", got.Sub(after.Add(time.Second)))
		}
	}
}
