// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"fmt"
	"slices"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// run drives a founder on a real disk until there is no more work, and adds what was committed to the state. A snapshot is the
// state, one proposal per line.
func run(t *testing.T, r *consensus.Replica, s *Store, state []string) []string {
	t.Helper()
	index := uint64(0)
	for {
		out, more := r.Ready()
		if !more {
			return state
		}
		if out.Append != nil {
			if err := s.Append(out.Append); err != nil {
				t.Fatal(err)
			}
			r.Appended(out.Append)
		}
		if out.Restore != nil {
			state = nil
			for _, b := range out.Restore.Data {
				state = append(state, fmt.Sprint(b))
			}
		}
		for _, c := range out.Committed {
			if c.Data != nil {
				state = append(state, fmt.Sprint(c.Data[0]))
			}
			index = c.Index
			r.Applied(index)
		}
		if out.WantSnapshot && index > 0 {
			data := make([]byte, len(state))
			for i, line := range state {
				if _, err := fmt.Sscan(line, &data[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Snapshot(index, data); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestReplicaOutlivesRestarts closes and opens the file again and again, with snapshots on the way.
func TestReplicaOutlivesRestarts(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for life := range 5 {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			if err := s.Append(consensus.Found(consensus.Founder{ID: s.Install(), Node: "n1"})); err != nil {
				t.Fatal(err)
			}
		}
		r, err := consensus.New(consensus.Config{
			ID: s.Install(), Cluster: "c", ElectionTicks: 10, HeartbeatTicks: 1, SnapshotEntries: 7, TailEntries: 3,
		}, mustLoad(t, s))
		if err != nil {
			t.Fatal(err)
		}
		state := run(t, r, s, nil)
		if err := r.Campaign(); err != nil {
			t.Fatal(err)
		}
		state = run(t, r, s, state)
		if !slices.Equal(state, want) {
			t.Fatalf("life %d: %v, want %v", life, state, want)
		}
		for i := range 12 {
			v := byte(20*life + i)
			if err := r.Propose([]byte{v}); err != nil {
				t.Fatal(err)
			}
			state = run(t, r, s, state)
			want = append(want, fmt.Sprint(v))
		}
		if !slices.Equal(state, want) {
			t.Fatalf("life %d: %v, want %v", life, state, want)
		}
		if life > 0 && r.Status().SnapshotIndex < 5 {
			t.Fatalf("life %d took no snapshot", life)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
