// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// lived returns the bytes of a file that has seen some life, and what it holds.
func lived(t testing.TB) ([]byte, consensus.Restored) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{rng: rand.New(rand.NewPCG(3, 3))}
	for range 60 {
		a := w.next()
		if w.state, err = w.state.Append(a); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return b, w.state
}

// reopen writes the bytes as a store, opens and loads it.
func reopen(t testing.TB, b []byte) (consensus.Restored, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		return consensus.Restored{}, err
	}
	r, err := s.Load()
	return r, errors.Join(err, s.Close())
}

// check demands that a changed file is refused, or tells exactly what the whole one told. The one way in between is the damaged
// present snapshot, where the previous one and the log tell the same state from earlier on.
func check(t *testing.T, b []byte, want consensus.Restored) {
	t.Helper()
	got, err := reopen(t, b)
	if err != nil {
		if !errors.Is(err, consensus.ErrDamaged) && !errors.Is(err, ErrFormat) {
			t.Fatalf("damage is called %v", err)
		}
		return
	}
	if got.Snapshot != nil && got.Snapshot.Index < want.Snapshot.Index {
		skip := want.Snapshot.Index - got.Snapshot.Index
		got.Entries, got.Snapshot = got.Entries[skip:], want.Snapshot
		if len(got.Entries) == 0 {
			got.Entries = nil
		}
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("damage went unnoticed (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestDamagedFilesAreRefusedOrHarmless(t *testing.T) {
	whole, want := lived(t)
	rng := rand.New(rand.NewPCG(5, 5))
	refused := 0
	for range 300 {
		b := append([]byte(nil), whole...)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		check(t, b, want)
		if _, err := reopen(t, b); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed at all")
	}
	for _, n := range []int{0, 1, 100, 4096, len(whole) / 2, len(whole) - 4096} {
		check(t, whole[:n], want)
	}
}

func TestDamagedSnapshotFallsBack(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	members := []consensus.Member{{ID: 1, Node: "n1", Role: consensus.RoleVoter}}
	for _, a := range []*consensus.Append{
		consensus.Found(consensus.Founder{ID: 1, Node: "n1", Data: []byte("old")}),
		{
			Entries: []consensus.Entry{{Index: 2, Term: 1, Data: []byte("a")}, {Index: 3, Term: 1, Data: []byte("b")}},
			Hard:    &consensus.HardState{Term: 1, Commit: 3},
		},
		{Snapshot: &consensus.Snapshot{Index: 2, Term: 1, Members: members, Data: []byte("new")}},
	} {
		if err := s.Append(a); err != nil {
			t.Fatal(err)
		}
	}
	spoil := func(key string) {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucketSnapshot))
			return b.Put([]byte(key), append([]byte{1}, b.Get([]byte(key))...))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if r := mustLoad(t, s); string(r.Snapshot.Data) != "new" || len(r.Entries) != 1 {
		t.Fatalf("loaded %+v", r)
	}
	spoil(keyCurrent)
	if r := mustLoad(t, s); string(r.Snapshot.Data) != "old" || len(r.Entries) != 2 {
		t.Fatalf("fell back to %+v", r)
	}
	spoil(keyPrevious)
	if _, err := s.Load(); !errors.Is(err, consensus.ErrDamaged) {
		t.Fatalf("two damaged snapshots: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzLoad(f *testing.F) {
	whole, want := lived(f)
	f.Add(uint32(0), []byte{0})
	f.Add(uint32(8192), []byte{1, 0, 2, 0, 0, 0, 0, 0, 1, 0, 200, 0})
	f.Add(uint32(4096+16+48), []byte{9})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := append([]byte(nil), whole...)
		copy(b[int(at)%len(b):], patch)
		check(t, b, want)
	})
}
