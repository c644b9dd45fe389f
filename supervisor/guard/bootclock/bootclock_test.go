// SPDX-License-Identifier: Apache-2.0

package bootclock

import (
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

func TestNowAscends(t *testing.T) {
	last := Now()
	for range 1000 {
		now := Now()
		if now < last || now <= 0 {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
}

// TestNeverLate holds the conversion against the clocks themselves: what began at a moment that lies between two readings of the
// boot clock has an instant that is not after the second one.
func TestNeverLate(t *testing.T) {
	c := NewClock()
	for range 1000 {
		c.Sample()
		since := time.Now()
		after := Now()
		if got := c.Until(since, time.Second); got > after.Add(time.Second) {
			t.Fatalf("%s late", got.Sub(after.Add(time.Second)))
		}
	}
}

func TestSleep(t *testing.T) {
	const boot = guard.Instant(500 * time.Second)
	start := time.Now()
	c := &Clock{start: start}
	c.sample(boot, 0)
	c.sample(boot.Add(2*time.Second+50*time.Microsecond), 2*time.Second) // as good as the first
	c.sample(boot.Add(3*time.Second-time.Millisecond), 3*time.Second)    // interrupted between the readings
	c.sample(boot.Add(4*time.Second+time.Hour), 4*time.Second)           // the machine slept for an hour
	for _, w := range []struct {
		name  string
		since time.Duration
		want  guard.Instant
	}{
		{"before all samples", -time.Second, 0},
		{"before the sleep", 3 * time.Second, boot.Add(4 * time.Second)},
		{"before the sleep, if nobody looked at the clocks in between", 3999 * time.Millisecond, boot.Add(4999 * time.Millisecond)},
		{"after the sleep", 5 * time.Second, boot.Add(6*time.Second + time.Hour)},
	} {
		if got := c.Until(start.Add(w.since), time.Second); got != w.want {
			t.Errorf("%s: %d, want %d", w.name, got, w.want)
		}
	}
}

func TestForgets(t *testing.T) {
	start := time.Now()
	c := &Clock{start: start}
	for i := range 3 * offsetsMax {
		mono := time.Duration(i) * time.Second
		c.sample(guard.Instant(2*mono), mono)
	}
	if len(c.offsets) != offsetsMax {
		t.Errorf("%d offsets", len(c.offsets))
	}
	if got := c.Until(start.Add(time.Second), time.Minute); got != 0 {
		t.Errorf("a forgotten moment gives a right until %d", got)
	}
	if got := c.Until(start.Add((3*offsetsMax-1)*time.Second), time.Minute); got == 0 {
		t.Error("the newest moment gives no right")
	}
}
