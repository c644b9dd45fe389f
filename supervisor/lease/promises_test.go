// SPDX-License-Identifier: Apache-2.0

package lease_test

import (
	"fmt"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

func TestPromises(t *testing.T) {
	p := lease.NewPromises(at(0))
	due := func(what string, install, boot uint64, want int) {
		t.Helper()
		got := p.Due("a", install, boot, terms)
		if !got.Equal(at(want)) {
			t.Errorf("%s: the right is over at %s, want %d ms", what, got.Sub(start), want)
		}
		if p.Lapsed(got, "a", install, boot, terms) || !p.Lapsed(got.Add(1), "a", install, boot, terms) {
			t.Errorf("%s: it lapses at another moment than it is due", what)
		}
	}
	due("a life that was never heard counts as heard at the start", 1, 1, 4685)
	p.Heard(at(1000), "a", 1, 1)
	due("whose class nobody knows has the worst", 1, 1, 1000+4685)
	p.Guarded("a", 1, 1, lease.Gate)
	due("a gate", 1, 1, 1000+1369)
	p.Heard(at(1500), "a", 1, 1)
	due("the last message counts", 1, 1, 1500+1369)
	p.Guarded("a", 1, 1, lease.TimedSet)
	p.Guarded("a", 1, 1, lease.Gate)
	due("the worst class that it ever had counts", 1, 1, 1500+2474)
	p.Heard(at(9000), "a", 1, 2)
	p.Heard(at(9000), "b", 1, 1)
	due("another life and another node are others", 1, 1, 1500+2474)
	due("the next life", 1, 2, 9000+4685)
	p.Guarded("a", 7, 7, lease.Gate)
	due("a class of a life that was never heard says nothing", 7, 7, 4685)
}

// TestPromisesForget: what is forgotten for want of room counts as heard when the last of it was.
func TestPromisesForget(t *testing.T) {
	p := lease.NewPromises(at(0))
	for i := range 300 {
		p.Heard(at(1000+i), fmt.Sprint("n", i), 1, 1)
	}
	if got := p.Due("n0", 1, 1, terms); got.Before(at(1000 + 4685)) {
		t.Errorf("a life that was forgotten is over at %s", got.Sub(start))
	}
	if got := p.Due("n299", 1, 1, terms); !got.Equal(at(1299 + 4685)) {
		t.Errorf("the newest life is over at %s", got.Sub(start))
	}
}
