// SPDX-License-Identifier: Apache-2.0

package bus_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/bus"
)

func TestWindowTable(t *testing.T) {
	type frame struct {
		from               string
		install, boot, seq uint64
		want               bool
	}
	for _, tc := range []struct {
		name   string
		frames []frame
	}{
		{"second copy", []frame{{"n1", 1, 1, 1, true}, {"n1", 1, 1, 1, false}}},
		{"late but unseen", []frame{{"n1", 1, 1, 5, true}, {"n1", 1, 1, 3, true}, {"n1", 1, 1, 3, false}}},
		{"edge of the window", []frame{{"n1", 1, 1, 2000, true}, {"n1", 1, 1, 2000 - bus.WindowSeqs + 1, true}, {"n1", 1, 1, 2000 - bus.WindowSeqs, false}}},
		{"jump clears old marks", []frame{{"n1", 1, 1, 10, true}, {"n1", 1, 1, 10 + bus.WindowSeqs, true}, {"n1", 1, 1, 11, true}, {"n1", 1, 1, 10, false}}},
		{"newer boot replaces", []frame{{"n1", 1, 1, 9, true}, {"n1", 1, 2, 1, true}, {"n1", 1, 1, 10, false}, {"n1", 1, 2, 1, false}}},
		{"other install has its own", []frame{{"n1", 1, 5, 9, true}, {"n1", 2, 1, 1, true}, {"n1", 1, 5, 9, false}, {"n1", 2, 1, 1, false}, {"n1", 1, 5, 10, true}}},
		{"other name has its own", []frame{{"n1", 1, 1, 1, true}, {"n2", 1, 1, 1, true}}},
		{"greatest number", []frame{{"n1", 1, 1, ^uint64(0), true}, {"n1", 1, 1, ^uint64(0), false}, {"n1", 1, 1, 0, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w bus.Window
			for i, f := range tc.frames {
				if got := w.Accept(f.from, f.install, f.boot, f.seq); got != f.want {
					t.Fatalf("frame %d %+v: got %v", i, f, got)
				}
			}
		})
	}
}

func TestWindowForgetsTheMostSilentSender(t *testing.T) {
	var w bus.Window
	for i := range bus.WindowSenders {
		w.Accept(fmt.Sprintf("n%d", i), 1, 1, 1)
	}
	w.Accept("n0", 1, 1, 2)   // n1 is now silent for longest
	w.Accept("more", 1, 1, 1) // takes the place of n1
	if w.Accept("n0", 1, 1, 1) {
		t.Error("n0 was forgotten")
	}
	if !w.Accept("n1", 1, 1, 1) {
		t.Error("n1 was kept")
	}
}

// The model remembers everything; the window may only differ from it by refusing what is too old.
func TestWindowAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w bus.Window
		type id struct {
			from               string
			install, boot, seq uint64
		}
		type life struct {
			from    string
			install uint64
		}
		seen, boots, tops := map[id]bool{}, map[life]uint64{}, map[life]uint64{}
		for range rapid.IntRange(1, 300).Draw(t, "frames") {
			l := life{rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "from"), rapid.Uint64Range(1, 2).Draw(t, "install")}
			f := id{l.from, l.install, rapid.Uint64Range(1, 3).Draw(t, "boot"), rapid.Uint64Range(0, 3000).Draw(t, "seq")}
			if f.boot > boots[l] {
				boots[l], tops[l] = f.boot, f.seq
			}
			want := f.boot == boots[l] && !seen[f] && (f.seq > tops[l] || tops[l]-f.seq < bus.WindowSeqs)
			if got := w.Accept(f.from, f.install, f.boot, f.seq); got != want {
				t.Fatalf("%+v: got %v, want %v", f, got, want)
			}
			if want {
				seen[f], tops[l] = true, max(tops[l], f.seq)
			}
		}
	})
}

func BenchmarkWindow(b *testing.B) {
	var w bus.Window
	names := []string{"n1", "n2", "n3", "n4", "n5"}
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		w.Accept(names[i/2%5], 7, 1, i/10)
	}
}
