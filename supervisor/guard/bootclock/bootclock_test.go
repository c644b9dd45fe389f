// SPDX-License-Identifier: Apache-2.0

package bootclock_test

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

func TestNowAscends(t *testing.T) {
	last := bootclock.Now()
	for range 1000 {
		now := bootclock.Now()
		if now < last || now <= 0 {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
}
