// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

func TestSleep(t *testing.T) {
	const boot = guard.Instant(500 * time.Second)
	start := time.Now()
	c := NewClock(boot, start)
	for _, s := range []struct{ boot, mono time.Duration }{
		{2*time.Second + 50*time.Microsecond, 2 * time.Second}, // as good as the first
		{3*time.Second - time.Millisecond, 3 * time.Second},    // interrupted between the readings
		{4*time.Second + time.Hour, 4 * time.Second},           // the machine slept for an hour
	} {
		c.Sample(boot.Add(s.boot), start.Add(s.mono))
	}
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
	c := NewClock(0, start)
	for i := range 3 * offsetsMax {
		mono := time.Duration(i) * time.Second
		c.Sample(guard.Instant(2*mono), start.Add(mono))
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
