// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

var (
	chosen = flag.String("mutations", "", "break the rules whose names match, one after the other, and see who notices; . = all")
	broken = flag.Bool("until-noticed", false, "run seeds until a promise is broken: what the gate runs in a broken product")
)

// TestUntilNoticed is what runs in a broken product: it tells every seed, and ends at the first that breaks a promise.
func TestUntilNoticed(*testing.T) {
	if !*broken {
		return
	}
	for seed := *first; seed < *first+*count; seed++ {
		fmt.Printf("\nseed %d\n", seed)
		if r := run(sim.Lane(*lane).Random(seed, profiles)); r.Violation != nil {
			fmt.Printf("\nnoticed: %s\nat: %v\n", r.Violation.Promise, r.Violation)
			return
		}
	}
}

// finding is who noticed a mutation, and how.
type finding struct {
	seeds uint64 // that it took the simulator
	check string // the promise that it saw broken
	test  string // the first test that failed
	fault string // why it is not good enough
}

// TestMutations breaks the rules, one at a time, and fails if nobody notices.
func TestMutations(t *testing.T) {
	if *chosen == "" {
		return
	}
	which, err := regexp.Compile(*chosen)
	if err != nil {
		t.Fatal(err)
	}
	var all []mutation
	for _, m := range mutations(t) {
		if which.MatchString(m.name) {
			all = append(all, m)
		}
	}
	found := make([]finding, len(all))
	some(all, func(i int, m mutation) {
		dir := t.TempDir()
		overlay, err := m.overlay(dir)
		if err != nil {
			found[i].fault = err.Error()
			return
		}
		if m.seeds > 0 {
			m.simulate(t, dir, overlay, &found[i])
		}
		if len(m.tests) > 0 {
			m.test(t, overlay, &found[i])
		}
		fmt.Printf("%s: %+v\n", m.name, found[i])
	})
	for i, m := range all {
		if found[i].fault != "" {
			t.Errorf("%s: %s", m.name, found[i].fault)
		}
	}
	t.Log("\n" + table(all, found))
}

// simulate runs seeds in the broken product until the simulator notices.
func (m mutation) simulate(t *testing.T, dir, overlay string, f *finding) {
	t.Helper()
	binary := filepath.Join(dir, "broken")
	if said, err := command(t, ".", "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./supervisor/sim"); err != nil {
		f.fault = said
		return
	}
	said, err := command(t, "supervisor/sim", binary, "-test.run", "^TestUntilNoticed$", "-until-noticed", "-test.timeout", "1h",
		"-seed", fmt.Sprint(*first), "-seeds", fmt.Sprint(m.seeds), "-lane", string(m.lane))
	f.seeds = uint64(strings.Count(said, "\nseed "))
	_, after, ok := strings.Cut(said, "\nnoticed: ")
	switch {
	case ok:
		f.check, _, _ = strings.Cut(after, "\n")
	case strings.Contains(said, "panic: test timed out"):
		f.fault = "a world does not end"
	case err != nil && strings.Contains(said, "panic: "):
		_, after, _ = strings.Cut(said, "panic: ")
		f.check, _, _ = strings.Cut("a node panics: "+after, "\n")
	case err != nil:
		f.fault = said
	default:
		f.fault = fmt.Sprintf("the simulator does not notice within %d seeds", m.seeds)
	}
}

// test runs the tests that watch over the rule.
func (m mutation) test(t *testing.T, overlay string, f *finding) {
	t.Helper()
	said, err := "", error(nil)
	for _, folder := range m.tests {
		args := []string{"test", "-vet=off", "-count=1", "-failfast", "-overlay", overlay, folder}
		if randomTests(t, folder) {
			// A file of the failure would make tests fail that come later, in a product that is well.
			args = append(args, "-rapid.nofailfile")
		}
		if said, err = command(t, ".", "go", args...); err != nil {
			break
		}
	}
	_, after, ok := strings.Cut(said, "--- FAIL: ")
	switch {
	case err == nil:
		f.fault = strings.TrimSpace(f.fault + " no test notices in " + strings.Join(m.tests, ", "))
	case ok:
		f.test, _, _ = strings.Cut(after, " (")
	case strings.Contains(said, "panic: "):
		f.test = "a panic"
	default:
		f.fault = said
	}
}

// randomTests tells whether the tests of a package draw their cases with rapid, which then has flags of its own.
func randomTests(t *testing.T, folder string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(moduleRoot, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		text, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(text), `"pgregory.net/rapid"`)
	})
}

// table tells who noticed what, in the form of README.md.
func table(all []mutation, found []finding) string {
	var b strings.Builder
	b.WriteString("| rule | breaks | seeds | noticed by the simulator as | noticed by test |\n|---|---|---|---|---|\n")
	for i, m := range all {
		seeds, f := "", found[i]
		if m.seeds > 0 {
			seeds = fmt.Sprint(f.seeds)
		}
		if f.fault != "" {
			f.check += " **not noticed**"
		}
		fmt.Fprintf(&b, "| %s: %s | %s | %s | %s | %s |\n", m.name, m.rule, m.breaks, seeds, f.check, f.test)
	}
	return b.String()
}
