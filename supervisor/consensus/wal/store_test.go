// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustLoad(t testing.TB, s *Store) consensus.Restored {
	t.Helper()
	r, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// world makes plausible appends: what a replica could order after the given state.
type world struct {
	rng   *rand.Rand
	state consensus.Restored
}

func (w *world) last() uint64 {
	if n := len(w.state.Entries); n > 0 {
		return w.state.Entries[n-1].Index
	}
	if w.state.Snapshot == nil {
		return 0
	}
	return w.state.Snapshot.Index
}

func (w *world) data() []byte {
	b := make([]byte, w.rng.IntN(600))
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return b
}

func (w *world) members() []consensus.Member {
	return []consensus.Member{
		{ID: 7, Node: "n1", Role: consensus.RoleVoter},
		{ID: 9, Node: "n2", Role: consensus.RoleLearner},
	}
}

func (w *world) next() *consensus.Append {
	a := &consensus.Append{}
	hard := w.state.Hard
	if w.rng.IntN(4) == 0 {
		hard.Term, hard.Vote = hard.Term+1, w.rng.Uint64()
	}
	hard.Term = max(hard.Term, 1)
	last := w.last()
	switch {
	case w.state.Snapshot == nil || w.rng.IntN(40) == 0:
		a.Restore = &consensus.Snapshot{
			Index: max(w.state.Hard.Commit, last) + 1 + w.rng.Uint64N(50), Term: hard.Term, Members: w.members(), Data: w.data(),
		}
		last, hard.Commit = a.Restore.Index, a.Restore.Index
	case w.rng.IntN(8) == 0 && w.state.Hard.Commit > w.state.Snapshot.Index:
		at := w.state.Snapshot.Index + 1 + w.rng.Uint64N(w.state.Hard.Commit-w.state.Snapshot.Index)
		a.Snapshot = &consensus.Snapshot{
			Index: at, Term: w.state.Entries[at-w.state.Snapshot.Index-1].Term, Members: w.members(), Data: w.data(),
		}
	}
	if w.rng.IntN(3) > 0 {
		from := last + 1
		if back := last - hard.Commit; a.Restore == nil && back > 0 && w.rng.IntN(4) == 0 {
			from -= w.rng.Uint64N(back + 1)
		}
		for i := range 1 + w.rng.Uint64N(30) {
			e := consensus.Entry{Index: from + i, Term: hard.Term, Kind: consensus.EntryKind(w.rng.IntN(2))}
			if d := w.data(); len(d) > 0 {
				e.Data = d
			}
			a.Entries, last = append(a.Entries, e), from+i
		}
		hard.Commit += w.rng.Uint64N(last - hard.Commit + 1)
	}
	a.Hard = &hard
	return a
}

// TestAppendMeansWhatRestoredSays compares the disk with the pure meaning of Append through random orders and reopenings, and
// checks that each append is exactly one durable transaction.
func TestAppendMeansWhatRestoredSays(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dir := t.TempDir()
			w := &world{rng: rand.New(rand.NewPCG(seed, 1))}
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			for step := range 100 {
				a := w.next()
				want, err := w.state.Append(a)
				if err != nil {
					t.Fatalf("step %d: the test made a bad append: %v", step, err)
				}
				before := txid(t, s)
				if err := s.Append(a); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				if got := txid(t, s); got != before+1 {
					t.Fatalf("step %d: %d transactions for one append", step, got-before)
				}
				w.state = want
				if step%10 == 0 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					if s, err = Open(dir); err != nil {
						t.Fatal(err)
					}
				}
				// cmp is slow on this much; it only explains.
				if got := mustLoad(t, s); !reflect.DeepEqual(want, got) {
					t.Fatalf("step %d (-want +got):\n%s", step, cmp.Diff(want, got))
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func txid(t *testing.T, s *Store) int {
	t.Helper()
	var id int
	if err := s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestBlankStoreIsANewInstallation(t *testing.T) {
	a, b := mustOpen(t, t.TempDir()), mustOpen(t, t.TempDir())
	if a.Install() == 0 || a.Install() == b.Install() {
		t.Fatalf("ids %x and %x", a.Install(), b.Install())
	}
	if r := mustLoad(t, a); !r.Blank() {
		t.Fatalf("a new store holds %+v", r)
	}
}

func TestIdentityOutlivesRestarts(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	id := s.Install()
	if err := s.SetCluster("c1"); err != nil {
		t.Fatal(err)
	}
	for want := uint64(1); want <= 3; want++ {
		boot, err := s.NextBoot()
		if err != nil || boot != want {
			t.Fatalf("boot %d, %v; want %d", boot, err, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(dir); err != nil {
			t.Fatal(err)
		}
		if s.Install() != id || s.Cluster() != "c1" {
			t.Fatalf("after restart %x of %q", s.Install(), s.Cluster())
		}
	}
	if err := s.SetCluster("c1"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCluster("c2"); !errors.Is(err, ErrOtherCluster) {
		t.Fatalf("another cluster: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSecondUserIsTold(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
}

func TestHalfMadeFileIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, tempName), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir)
	if _, err := os.Lstat(filepath.Join(dir, tempName)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the temporary file: %v", err)
	}
}

func TestFailedWriteBreaksForGood(t *testing.T) {
	dir := t.TempDir()
	seed := mustOpen(t, dir)
	found := consensus.Found(consensus.Founder{ID: seed.Install(), Node: "n1"})
	if err := seed.Append(found); err != nil {
		t.Fatal(err)
	}
	want := mustLoad(t, seed)
	if err := seed.Close(); err != nil {
		t.Fatal(err)
	}
	var file *os.File
	s, err := open(dir, func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		file = f
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	// From here on every write fails, as on a disk that went away.
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(&consensus.Append{}); err != nil {
		t.Fatalf("with nothing to write: %v", err)
	}
	a := &consensus.Append{Hard: &consensus.HardState{Term: 2, Vote: 5, Commit: 1}}
	for range 2 {
		if err := s.Append(a); !errors.Is(err, ErrBroken) {
			t.Fatalf("append: %v", err)
		}
	}
	if err := s.Append(&consensus.Append{}); !errors.Is(err, ErrBroken) {
		t.Fatalf("with nothing to write, after a failed write: %v", err)
	}
	if _, err := s.NextBoot(); !errors.Is(err, ErrBroken) {
		t.Fatalf("boot: %v", err)
	}
	if _, err := s.Load(); !errors.Is(err, ErrBroken) {
		t.Fatalf("load: %v", err)
	}
	if err := s.Close(); err == nil {
		t.Log("closing a lost file was fine")
	}
	if diff := cmp.Diff(want, mustLoad(t, mustOpen(t, dir))); diff != "" {
		t.Fatalf("the failed write left something (-want +got):\n%s", diff)
	}
}

func TestRefusedAppends(t *testing.T) {
	snap := func(index, term uint64) *consensus.Snapshot {
		return &consensus.Snapshot{Index: index, Term: term, Members: []consensus.Member{{ID: 1, Node: "n1", Role: consensus.RoleVoter}}}
	}
	for name, a := range map[string]*consensus.Append{
		"gap":            {Entries: []consensus.Entry{{Index: 4, Term: 2}}},
		"over committed": {Entries: []consensus.Entry{{Index: 2, Term: 2}}},
		"hole":           {Entries: []consensus.Entry{{Index: 3, Term: 2}, {Index: 5, Term: 2}}},
		"term back":      {Hard: &consensus.HardState{Term: 1, Commit: 2}},
		"commit back":    {Hard: &consensus.HardState{Term: 2, Commit: 1}},
		"commit ahead":   {Hard: &consensus.HardState{Term: 2, Commit: 9}},
		"old restore":    {Restore: snap(2, 2)},
		"early snapshot": {Snapshot: snap(3, 2)},
		"no voter":       {Restore: &consensus.Snapshot{Index: 9, Term: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, t.TempDir())
			if err := s.Append(consensus.Found(consensus.Founder{ID: 1, Node: "n1"})); err != nil {
				t.Fatal(err)
			}
			ok := &consensus.Append{Entries: []consensus.Entry{{Index: 2, Term: 2}}, Hard: &consensus.HardState{Term: 2, Commit: 2}}
			if err := s.Append(ok); err != nil {
				t.Fatal(err)
			}
			if _, err := mustLoad(t, s).Append(a); err == nil {
				t.Error("the pure meaning accepts it")
			}
			if err := s.Append(a); !errors.Is(err, ErrBroken) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCompactionKeepsTheTail checks that entries go once two snapshots are ahead of them, and that the older snapshot can be
// started from as long as it is there.
func TestCompactionKeepsTheTail(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	if err := s.Append(consensus.Found(consensus.Founder{ID: 1, Node: "n1"})); err != nil {
		t.Fatal(err)
	}
	index := uint64(1)
	for range 4 {
		a := &consensus.Append{Hard: &consensus.HardState{Term: 1, Commit: index + 1000}}
		for range 1000 {
			index++
			a.Entries = append(a.Entries, consensus.Entry{Index: index, Term: 1, Data: []byte("x")})
		}
		a.Snapshot = &consensus.Snapshot{Index: index, Term: 1, Members: []consensus.Member{{ID: 1, Node: "n1", Role: consensus.RoleVoter}}}
		if err := s.Append(a); err != nil {
			t.Fatal(err)
		}
	}
	var b bounds
	if err := s.view(func(tx *bbolt.Tx) error { var err error; b, err = getBounds(tx); return err }); err != nil {
		t.Fatal(err)
	}
	want := bounds{current: 4001, previous: 3001, first: 4001 - tailEntries + 1, last: 4001}
	if b != want {
		t.Fatalf("bounds %+v, want %+v", b, want)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 10_000} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			s := mustOpen(b, b.TempDir())
			if err := s.Append(consensus.Found(consensus.Founder{ID: 1, Node: "n1"})); err != nil {
				b.Fatal(err)
			}
			data, index := make([]byte, size), uint64(1)
			b.SetBytes(int64(size))
			for b.Loop() {
				index++
				a := &consensus.Append{
					Entries: []consensus.Entry{{Index: index, Term: 1, Data: data}},
					Hard:    &consensus.HardState{Term: 1, Commit: index - 1},
				}
				if err := s.Append(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
