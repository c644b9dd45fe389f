// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzTranslate checks that any bytes are safe, that the same bytes give the same result, and that no statement is
// lost in silence.
func FuzzTranslate(f *testing.F) {
	stories, err := filepath.Glob("testdata/story/*")
	if err != nil || len(stories) == 0 {
		f.Fatalf("no stories: %v", err)
	}
	for _, path := range stories {
		if filepath.Base(path) == "faults" {
			continue // it goes to the limits, which takes its time
		}
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, data[:len(data)/2])
	}
	f.Add([]byte("vrrp_instance A {\nvirtual_ipaddress { 10.0.0.1 }\npriority 3\n}"), []byte("@a b\n$C=~LST({X,Y},{1,2}) z $X \\\n q\n~SEQx(V,1,3) $C ${V} \"a\\x41\" 'b'"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, sources := range [][]Source{
			{{File: File{"a", a}}},
			{{File: File{"a", a}}, {Node: "n2", File: File{"b", b}}},
		} {
			check(t, sources, b)
		}
	})
}

func check(t *testing.T, sources []Source, more []byte) {
	t.Helper()
	o := Options{Include: func(from, pattern string) ([]File, error) {
		if from != "more" && pattern == "more" {
			return []File{{"more", more}}, nil
		}
		return nil, nil
	}}
	first, err := Translate(sources, o)
	second, again := Translate(sources, o)
	if d := cmp.Diff(first, second); d != "" || (err == nil) != (again == nil) {
		t.Fatalf("the same files gave another result: %v, %v\n%s", err, again, d)
	}
	if err != nil {
		return
	}
	for _, n := range first.Notes {
		if n.Text == "" || n.Fate.Words() == string(n.Fate) && n.Fate != Check {
			t.Errorf("note without words: %+v", n)
		}
	}
	told := map[place]bool{}
	for _, n := range first.Notes {
		told[place{n.File, n.Line}] = true
	}
	for _, s := range sources {
		c := newScanner("", o.Include)
		c.file(s.File, 0)
		if len(c.ids) > 0 {
			return // what stands there depends on the node
		}
		tree, _ := treeOf(c.lines)
		for _, s := range tree {
			if !told[s.at] {
				t.Errorf("nothing is told of %s at %s", s.keyword(), s.at)
			}
		}
	}
}
