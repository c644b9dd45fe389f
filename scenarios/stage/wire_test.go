// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestTwice: each node that speaks as an address must have been given it, again each time that it begins anew.
func TestTwice(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	type frame struct {
		node string
		ms   int
	}
	give := func(ms int, node string) given { return given{node, at(ms)} }
	for name, c := range map[string]struct {
		frames []frame
		given  []given
		now    int
		twice  bool
		seen   string
	}{
		"nobody spoke": {now: 5000, seen: "nobody spoke as 10.0.0.9"},
		"one speaks": {
			frames: []frame{{"lb1", 10}, {"lb1", 900}}, given: []given{give(0, "lb1")}, now: 5000,
			seen: "lb1 from 40.010 to 40.900, 2 frames",
		},
		"there and back": {
			frames: []frame{{"lb1", 10}, {"lb2", 900}, {"lb1", 1900}}, given: []given{give(0, "lb1"), give(800, "lb2"), give(1800, "lb1")}, now: 5000,
			seen: "lb1 from 41.900 to 41.900, 1 frames",
		},
		"one was given it and said nothing": {
			frames: []frame{{"lb1", 10}, {"lb3", 1900}}, given: []given{give(0, "lb1"), give(800, "lb2"), give(1800, "lb3")}, now: 5000,
			seen: "lb3 from 41.900 to 41.900, 1 frames",
		},
		"the former one speaks again": {
			frames: []frame{{"lb1", 10}, {"lb2", 900}, {"lb1", 910}}, given: []given{give(0, "lb1"), give(800, "lb2")}, now: 5000,
			twice: true, seen: "two nodes spoke as 10.0.0.9: lb1 from 40.010 to 40.010, 1 frames; lb2 from 40.900 to 40.900, 1 frames; lb1 from 40.910 to 40.910, 1 frames",
		},
		"the former one speaks again and is given it later": {
			frames: []frame{{"lb1", 10}, {"lb2", 900}, {"lb1", 910}}, given: []given{give(0, "lb1"), give(800, "lb2"), give(2000, "lb1")}, now: 5000,
			twice: true, seen: "two nodes spoke",
		},
		"one speaks that was given nothing": {
			frames: []frame{{"web1", 10}}, now: 5000, twice: true, seen: "two nodes spoke",
		},
		"frames are read in another order": {
			frames: []frame{{"lb1", 10}, {"lb2", 900}, {"lb1", 890}, {"lb2", 950}}, given: []given{give(0, "lb1"), give(895, "lb2")}, now: 5000,
			seen: "lb2 from 40.900 to 40.950, 2 frames",
		},
		"one with the address by hand": {
			frames: []frame{{"lb1", 10}, {"app1", 20}, {"lb1", 30}}, given: []given{give(0, "lb1")}, now: 5000,
			seen: "lb1 from 40.010 to 40.030, 2 frames",
		},
	} {
		w := &wire{address: netip.MustParsePrefix("10.0.0.9/24"), strays: map[string]bool{"app1": true}}
		for _, f := range c.frames {
			w.note(f.node, at(f.ms))
		}
		seen, twice, err := w.twice(at(c.now), c.given)
		if err != nil || twice != c.twice || !strings.HasPrefix(seen, c.seen) || c.seen == "" {
			t.Errorf("%s: %v, %q, %v; want %v, %q", name, twice, seen, err, c.twice, c.seen)
		}
	}
}

// TestTwiceIsNotToldTooSoon: the events of a node that took an address over are on their way for a while.
func TestTwiceIsNotToldTooSoon(t *testing.T) {
	now := time.Now()
	w := &wire{address: netip.MustParsePrefix("10.0.0.9/24"), strays: map[string]bool{}}
	w.note("lb1", now.Add(-toldWithin/2))
	if _, twice, err := w.twice(now, nil); twice || !errors.Is(err, errNotTold) {
		t.Errorf("%v, %v", twice, err)
	}
	if _, twice, err := w.twice(now.Add(toldWithin), nil); !twice || err != nil {
		t.Errorf("later: %v, %v", twice, err)
	}
}
