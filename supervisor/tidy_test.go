// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A rule is one thing that holds for the source of the whole module, and why it does.
type rule struct {
	name  string
	why   string
	check func(*tree) []finding
}

// A finding is one place that breaks a rule.
type finding struct {
	path string // from the root of the module, with slashes
	line int    // 0 when it is about the file or the folder as a whole
	what string
}

func (f finding) String() string {
	if f.line == 0 {
		return f.path + ": " + f.what
	}
	return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.what)
}

// rules are all that the tests below enforce.
func rules(types *resolver) []rule {
	return []rule{
		{"imports", "a package knows only what it needs, so that its reader has to know no more", checkImports},
		{"importers", "what wires everything is a leaf of the import graph", checkImporters},
		{"test imports", "the tests of a leaf would tie it to strangers just as well", checkLeafTests},
		{"pure imports", "a pure package that can reach the world will", checkPureImports},
		{"pure code", "the same input gives the same output, or neither replay nor simulator mean anything", types.checkPureCode},
		{"doc", "a package says what it is for and what it never does", checkDoc},
		{"file length", "a file is read in one sitting", checkFileLength},
		{"function length", "a function fits on a page", checkFunctionLength},
		{"licence line", "every file can be taken out and still says how it may be used", checkLicenceLine},
		{"leftovers", "unfinished work is finished or taken out, not committed", checkLeftovers},
		{"format", "nobody reviews white space", checkFormat},
		{"names", "a package is named for what it is about", checkNames},
	}
}

// TestTidy holds the source of the module against every rule.
func TestTidy(t *testing.T) {
	t.Parallel()
	tr, err := parseTree(readTree(t, ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.folders) < 2 {
		t.Fatalf("found %d packages; is the root of the module not one folder up?", len(tr.folders))
	}
	for _, r := range rules(newResolver(t, "..", tr.pureFolders())) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range r.check(tr) {
				t.Errorf("%s (%s)", f, r.why)
			}
		})
	}
}

// A planted case is a small module that breaks a rule in exactly the ways that it names.
type planted struct {
	rule    string
	sources map[string]string
	want    []string
}

// TestTidyCanFail shows that every rule notices what it is there for: a check that has never failed is not known to work.
func TestTidyCanFail(t *testing.T) {
	t.Parallel()
	all := rules(newResolver(t, "..", nil))
	cases := slices.Concat(plantedImports(), plantedImpurity(), plantedShapes())
	for _, r := range all {
		if !slices.ContainsFunc(cases, func(p planted) bool { return p.rule == r.name && len(p.want) > 0 }) {
			t.Errorf("rule %q has no planted violation", r.name)
		}
	}
	for i, p := range cases {
		t.Run(fmt.Sprintf("%s %d", p.rule, i), func(t *testing.T) {
			t.Parallel()
			tr, err := parseTree(p.sources)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(all, func(r rule) bool { return r.name == p.rule })
			if at < 0 {
				t.Fatalf("no rule is named %q", p.rule)
			}
			var got []string
			for _, f := range all[at].check(tr) {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(p.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// lines joins lines of source; planted sources are written line by line so that their findings can be counted.
func lines(of ...string) string {
	return strings.Join(of, "\n") + "\n"
}
