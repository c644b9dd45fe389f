// SPDX-License-Identifier: Apache-2.0

package tape_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/tape"
)

type record struct {
	Kind byte
	Body []byte
}

// written returns a file with the records, a block for each group.
func written(t rapid.TB, dir string, groups [][]record) string {
	path := filepath.Join(dir, "one.flight")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	w, err := tape.Create(path, tape.Head{Node: "n1", Part: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for _, r := range g {
			if err := w.Add(r.Kind, r.Body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != w.Size() || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v, the writer says %d bytes", info, err, w.Size())
	}
	return path
}

// all reads a tape to its end and returns why it ended.
func all(data []byte) ([]record, error) {
	r, err := tape.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var out []record
	for {
		kind, body, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, record{kind, bytes.Clone(body)})
	}
}

func content(t rapid.TB, path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	one := rapid.Custom(func(t *rapid.T) record {
		body := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "body"), rapid.SampledFrom([]int{0, 1, 50, 5000, 1024}).Draw(t, "times"))
		return record{rapid.Byte().Draw(t, "kind"), body}
	})
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOfN(rapid.SliceOfN(one, 0, 8), 0, 6).Draw(t, "groups")
		var want []record
		for _, g := range groups {
			want = append(want, g...)
		}
		got, err := all(content(t, written(t, dir, groups)))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d records of %d", len(got), len(want))
		}
		for i := range want {
			if want[i].Kind != got[i].Kind || !bytes.Equal(want[i].Body, got[i].Body) {
				t.Fatalf("record %d differs", i)
			}
		}
	})
}

// TestBlocksAtTheEdgeOfTheWindow unpacks blocks that end where the window of the packing ends.
func TestBlocksAtTheEdgeOfTheWindow(t *testing.T) {
	for size := 32<<10 - 8; size < 32<<10+8; size++ {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * i >> 3)
		}
		groups := [][]record{{{1, body}}, {{2, []byte("next")}}, {{3, body}}, {{4, []byte("last")}}}
		got, err := all(content(t, written(t, t.TempDir(), groups)))
		if err != nil || len(got) != 4 || string(got[3].Body) != "last" || !bytes.Equal(got[2].Body, body) {
			t.Fatalf("%d bytes: %d records, %v", size, len(got), err)
		}
	}
}

func sample(t rapid.TB, dir string) []byte {
	var groups [][]record
	for i := range 5 {
		groups = append(groups, []record{{1, fmt.Appendf(nil, "one %d", i)}, {2, fmt.Appendf(nil, "two %d", i)}})
	}
	return content(t, written(t, dir, groups))
}

// TestTorn cuts a tape everywhere: what was whole is read, and the rest is called torn.
func TestTorn(t *testing.T) {
	data := sample(t, t.TempDir())
	whole, err := all(data)
	if err != nil || len(whole) != 10 {
		t.Fatal(len(whole), err)
	}
	ends := 0
	for n := range data {
		got, err := all(data[:n])
		switch {
		case err == nil:
			ends++
		case !errors.Is(err, tape.ErrTorn) && !errors.Is(err, tape.ErrForeign):
			t.Fatalf("cut at %d: %v", n, err)
		}
		if diff := cmp.Diff(whole[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("cut at %d:\n%s", n, diff)
		}
		zeros, err := all(append(bytes.Clone(data[:n]), make([]byte, 100)...))
		if len(zeros) != len(got) || errors.Is(err, tape.ErrDamaged) && len(got) > 0 {
			t.Fatalf("cut at %d, then zeros: %d records, %v", n, len(zeros), err)
		}
	}
	if ends != 5 { // after the head and after each block but the last
		t.Errorf("%d of the cuts are at the end of a block", ends)
	}
}

func TestDamage(t *testing.T) {
	data := sample(t, t.TempDir())
	whole, _ := all(data)
	for n := range data {
		bent := bytes.Clone(data)
		bent[n] ^= 0x10
		got, err := all(bent)
		if err == nil {
			t.Fatalf("a changed byte at %d is not noticed", n)
		}
		if diff := cmp.Diff(whole[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("changed at %d:\n%s", n, diff)
		}
	}
	if _, err := all([]byte("a text that is no tape at all")); !errors.Is(err, tape.ErrForeign) {
		t.Errorf("got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sample(f, f.TempDir()))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = all(data)
	})
}
