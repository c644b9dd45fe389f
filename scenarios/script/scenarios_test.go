// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// scenarios returns the files of all scenarios, which lie in one folder for each theme.
func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 26 {
		t.Fatalf("there are %d scenarios", len(files))
	}
	return files
}

// TestScenarios: each can be played, and its file is named for its promise, which is its own.
func TestScenarios(t *testing.T) {
	promises := map[string]string{}
	for _, path := range scenarios(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := script.Parse(strings.TrimPrefix(path, "../"), text)
		if err != nil {
			t.Error(err)
			continue
		}
		if other := promises[s.Promise]; other != "" {
			t.Errorf("%s and %s promise the same", path, other)
		}
		promises[s.Promise] = path
		if name := strings.TrimSuffix(filepath.Base(path), ".txt"); !strings.HasPrefix(kebab(s.Promise)+"-", name+"-") {
			t.Errorf("%s promises %q: name it for that", path, kebab(s.Promise))
		}
		if !strings.HasSuffix(s.Promise, ".") {
			t.Errorf("%s: a promise is a sentence: %q", path, s.Promise)
		}
	}
}

var articles = regexp.MustCompile(`^(a|an|the)-`)

// kebab writes a sentence as a name of a file.
func kebab(promise string) string {
	words := strings.FieldsFunc(strings.ToLower(promise), func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) })
	return articles.ReplaceAllString(strings.Join(words, "-"), "")
}

// TestEveryFaultIsPlayed: a line of the language that no scenario has is one that nobody has tried.
func TestEveryFaultIsPlayed(t *testing.T) {
	var faults []script.FaultKind
	for _, path := range scenarios(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := script.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range s.Steps {
			if f, ok := step.Act.(script.Fault); ok {
				faults = append(faults, f.Kind)
			}
		}
	}
	for _, k := range faultKinds() {
		if !slices.Contains(faults, k) {
			t.Errorf("no scenario has the fault %q", k)
		}
	}
}
