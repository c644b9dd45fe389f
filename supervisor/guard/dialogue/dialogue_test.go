// SPDX-License-Identifier: Apache-2.0

package dialogue_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
)

var vip = guard.Address{Prefix: netip.MustParsePrefix("10.0.0.100/24"), Interface: "eth0"}

func unit(epoch uint64, addresses ...guard.Address) guard.Unit {
	return guard.Unit{Resource: "a", Epoch: epoch, Addresses: addresses}
}

// TestNumbers gives the same units the same number.
func TestNumbers(t *testing.T) {
	other := vip
	other.Interface = "eth1"
	var w dialogue.Wanted
	for i, want := range []struct {
		units  []guard.Unit
		links  []string
		number uint64
	}{
		{nil, nil, 1},
		{nil, nil, 1},
		{[]guard.Unit{unit(1, vip)}, nil, 2},
		{[]guard.Unit{unit(1, vip)}, nil, 2},
		{[]guard.Unit{unit(2, vip)}, nil, 3},
		{[]guard.Unit{unit(2, other)}, nil, 4},
		{[]guard.Unit{}, nil, 5},
		{nil, nil, 5},
		{nil, []string{"eth0"}, 6},
		{[]guard.Unit{unit(2, vip)}, nil, 7},
		{[]guard.Unit{{Resource: "a", Epoch: 2, Addresses: []guard.Address{vip}, NoProbe: true}}, nil, 8},
	} {
		if w = w.Next(dialogue.Want{Units: want.units, Links: want.links, Until: guard.Instant(i)}); w.Number != want.number || w.Until != guard.Instant(i) {
			t.Errorf("want %d has number %d and ends at %d, not %d", i, w.Number, w.Until, want.number)
		}
	}
}

// TestNext tells one connection of one want after the other.
func TestNext(t *testing.T) {
	const now = guard.Instant(1000)
	end := func(d time.Duration) guard.Instant { return now.Add(d) }
	held := func(until guard.Instant) dialogue.Want {
		return dialogue.Want{Units: []guard.Unit{unit(1, vip)}, Until: until}
	}
	order := func(n uint64, until guard.Instant) guard.Event {
		return guard.Order{Number: n, Units: []guard.Unit{unit(1, vip)}, Until: until}
	}
	var (
		told   dialogue.Told
		wanted dialogue.Wanted
	)
	next := func(what string, want guard.Event) {
		t.Helper()
		got := told.Next(wanted, now)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
		if again := told.Next(wanted, now); again != nil {
			t.Errorf("%s: it is told twice: %+v", what, again)
		}
	}
	next("nothing is wanted yet", nil)
	wanted = wanted.Next(held(end(10)))
	next("the first order", order(1, end(10)))
	wanted = wanted.Next(held(end(20)))
	next("a later deadline", guard.Extend{Until: end(20)})
	wanted = wanted.Next(held(end(15)))
	next("an earlier one, which no extension says", order(1, end(15)))
	told.Heard(guard.Status{Answers: 1, Lapsed: true})
	wanted = wanted.Next(held(now))
	next("a right that is over, of which the guard knows", nil)
	wanted = wanted.Next(held(end(30)))
	next("another right: no extension revives an order", order(1, end(30)))
	told.Heard(guard.Status{Answers: 0, Lapsed: true})
	wanted = wanted.Next(held(end(40)))
	next("a guard that had not read the order when it spoke", guard.Extend{Until: end(40)})
	wanted = wanted.Next(dialogue.Want{Until: end(40)})
	next("nothing to hold", guard.Order{Number: 2, Until: end(40)})
	told = dialogue.Told{}
	next("another connection", guard.Order{Number: 2, Until: end(40)})
}
