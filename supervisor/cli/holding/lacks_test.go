// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// TestCarriers tells what happens to links at which second, and what is known of them then.
func TestCarriers(t *testing.T) {
	const settle = 2 * time.Second
	start := time.Unix(1000, 0)
	links := []string{"eth1", "eth0"}
	down := map[string]string{}
	c := carriers{settle: settle, bad: map[string]fault{}}
	for _, s := range []struct {
		at    int
		what  string
		link  string
		why   string
		lacks []core.Lack
		again int // at which second; 0 for when something changes
	}{
		{0, "all is well", "", "", nil, 0},
		{1, "a carrier is lost", "eth0", "no carrier", nil, 3},
		{2, "it flaps", "eth0", "", nil, 0},
		{3, "it is lost again", "eth0", "no carrier", nil, 5},
		{4, "still, but not for long", "", "", nil, 5},
		{5, "for long enough", "", "", []core.Lack{{Link: "eth0", Why: "no carrier"}}, 0},
		{6, "for another reason", "eth0", "set down", []core.Lack{{Link: "eth0", Why: "set down"}}, 0},
		{7, "another one is gone", "eth1", "not there", []core.Lack{{Link: "eth0", Why: "set down"}}, 9},
		{9, "for long enough as well", "", "", []core.Lack{{Link: "eth0", Why: "set down"}, {Link: "eth1", Why: "not there"}}, 0},
		{10, "the first is back", "eth0", "", []core.Lack{{Link: "eth1", Why: "not there"}}, 0},
		{11, "the second is back", "eth1", "", nil, 0},
	} {
		if s.link != "" {
			down[s.link] = s.why
		}
		now := start.Add(time.Duration(s.at) * time.Second)
		again := c.look(now, links, func(name string) string { return down[name] })
		var want time.Time
		if s.again > 0 {
			want = start.Add(time.Duration(s.again) * time.Second)
		}
		if !again.Equal(want) {
			t.Errorf("%d, %s: it is looked at again at %s, want %s", s.at, s.what, again, want)
		}
		if diff := cmp.Diff(s.lacks, c.lacks(now), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d, %s: %s", s.at, s.what, diff)
		}
	}
	down["eth0"] = "no carrier"
	c.look(start.Add(20*time.Second), nil, func(name string) string { return down[name] })
	if lacks := c.lacks(start.Add(time.Hour)); len(lacks) > 0 {
		t.Errorf("links that nothing comes to are looked at: %v", lacks)
	}
}

// TestMissingInterface: an interface that is not there lacks as one without carrier does.
func TestMissingInterface(t *testing.T) {
	h := New(Options{Bears: bears, Settle: time.Second})
	h.Hold(holdings.Hold{Order: 1, Links: []string{"nosuchif0", "lo"}})
	now := time.Now()
	g, again := h.stands(now)
	if len(g.Lacks) > 0 || !again.Equal(now.Add(time.Second)) {
		t.Errorf("at once: %v, again %s later", g.Lacks, again.Sub(now))
	}
	g, again = h.stands(now.Add(time.Second))
	want := []core.Lack{{Link: "nosuchif0", Why: "interface nosuchif0 is not there"}}
	if diff := cmp.Diff(want, g.Lacks); diff != "" || !again.IsZero() {
		t.Errorf("later: %s, again %s", diff, again)
	}
}
