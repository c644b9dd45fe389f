// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestEntries: what is committed is told once, however many tell it, and the streams of the nodes become one.
func TestEntries(t *testing.T) {
	s := &Stage{journal: newJournal(), start: time.Unix(1_000_000, 600_000)} // in the middle of a millisecond
	noticed := func(ms int64, node cluster.NodeID) cluster.Notice {
		return cluster.Notice{Node: node, Event: cluster.Event{At: 1_000_000_000 + ms, Kind: "node.suspect", Subject: "web2"}}
	}
	committed := cluster.Event{Index: 7, At: 1_000_000_030, Kind: cluster.EventCondemned, Subject: "web2"}
	for _, n := range []cluster.Notice{
		noticed(20, "web1"),
		noticed(0, "web1"),
		{Node: "web1", Event: committed},
		noticed(-1, "web1"),
		noticed(10, "lb1"),
		{Node: "lb1", Event: committed},
		noticed(10, "lb1"),
	} {
		s.journal.add(n)
	}
	const before = 600 * time.Microsecond
	want := []moments.Entry{
		{At: -time.Millisecond - before, Notice: noticed(-1, "web1")},
		{At: 0, Notice: noticed(0, "web1")},
		{At: 10*time.Millisecond - before, Notice: noticed(10, "lb1")},
		{At: 20*time.Millisecond - before, Notice: noticed(20, "web1")},
		{At: 30*time.Millisecond - before, Notice: cluster.Notice{Event: committed}},
	}
	if diff := cmp.Diff(want, s.entries()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServer(t *testing.T) {
	for state, want := range map[haproxy.State]script.State{
		{Op: 2, Weight: 1}:           script.StateServes,
		{Op: 2, Weight: 0}:           script.StateDrained,
		{Op: 2, Weight: 1, Admin: 8}: script.StateDrained,
		{Op: 2, Weight: 1, Admin: 1}: script.StateOut,
		{Op: 0, Weight: 1}:           script.StateDrained,
	} {
		if got := server(state).State(); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
	}
}

func TestFailures(t *testing.T) {
	s := &Stage{start: time.Unix(1_000_000, 0)}
	bucket := func(ms, failed int) load.Bucket {
		return load.Bucket{At: s.start.Add(time.Duration(ms) * time.Millisecond), Failed: failed}
	}
	want := []moments.Failure{{At: 20 * time.Millisecond, Count: 1}, {At: 600 * time.Millisecond, Count: 3}}
	if diff := cmp.Diff(want, s.failures([]load.Bucket{bucket(10, 0), bucket(20, 1), bucket(500, 0), bucket(600, 3)})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
