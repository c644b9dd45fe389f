// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

const (
	// moduleRoot is where the paths of mutations begin.
	moduleRoot = "../.."
	// buildsAtOnce bounds how many mutations are built or run at once.
	buildsAtOnce = 2
)

// mutation is a rule of the product that is broken on purpose. Whoever watches over the rule must notice.
type mutation struct {
	name   string
	rule   string   // in a sentence
	breaks string   // the promise that falls with it
	seeds  uint64   // the simulator notices within so many; 0 = it is not asked
	lane   sim.Lane // of those
	tests  []string // the packages whose tests notice; none = they are not asked
	edits  []edit
}

// edit replaces a piece of a source file. The piece must be there exactly once.
type edit struct{ path, find, replace string }

// mutations reads the whole table.
func mutations(t *testing.T) []mutation {
	t.Helper()
	files, err := filepath.Glob("mutation/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no mutations: %v", err)
	}
	var all []mutation
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		some, err := parseMutations(string(content))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, some...)
	}
	return all
}

// parseMutations reads a file of the table. README.md says how it is written.
func parseMutations(content string) ([]mutation, error) {
	_, content, _ = strings.Cut("\n"+content, "\n== ")
	var all []mutation
	for part := range strings.SplitSeq(content, "\n== ") {
		head, edits, _ := strings.Cut(strings.TrimRight(part, "\n"), "\n-- ")
		m, err := parseHead(strings.Split(head, "\n"))
		if err != nil {
			return nil, err
		}
		for e := range strings.SplitSeq(edits, "\n-- ") {
			name, body, _ := strings.Cut(e, "\n")
			if name == "becomes" && len(m.edits) > 0 {
				m.edits[len(m.edits)-1].replace = body
			} else {
				m.edits = append(m.edits, edit{path: name, find: body})
			}
		}
		all = append(all, m)
	}
	return all, nil
}

func parseHead(lines []string) (mutation, error) {
	m := mutation{name: lines[0], lane: sim.Everything}
	for _, line := range lines[1:] {
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
		case key == "breaks":
			m.breaks = value
		case key == "tests":
			m.tests = strings.Fields(value)
		case key == "seeds":
			var err error
			if m.seeds, err = strconv.ParseUint(value, 10, 64); err != nil {
				return m, fmt.Errorf("%s: %w", m.name, err)
			}
		case key == "lane":
			m.lane = sim.Lane(value)
			if !slices.Contains(sim.Lanes(), m.lane) {
				return m, fmt.Errorf("%s: there is no lane %q", m.name, value)
			}
		case m.rule == "":
			m.rule = line
		default:
			return m, fmt.Errorf("%s: cannot read %q", m.name, line)
		}
	}
	if m.rule == "" || m.breaks == "" || m.seeds == 0 && m.tests == nil {
		return m, fmt.Errorf("%s: it needs a rule, what it breaks, and who notices", m.name)
	}
	return m, nil
}

// overlay writes the broken files into a folder, and the file that tells the go command to use them.
func (m mutation) overlay(dir string) (string, error) {
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		return "", err
	}
	sources := map[string]string{}
	for _, e := range m.edits {
		if _, ok := sources[e.path]; !ok {
			content, err := os.ReadFile(filepath.Join(root, e.path))
			if err != nil {
				return "", err
			}
			sources[e.path] = string(content)
		}
		if n := strings.Count(sources[e.path], e.find); n != 1 || e.find == "" {
			return "", fmt.Errorf("%s: the text to replace occurs %d times in %s, not once:\n%s", m.name, n, e.path, e.find)
		}
		sources[e.path] = strings.Replace(sources[e.path], e.find, e.replace, 1)
	}
	broken := struct{ Replace map[string]string }{map[string]string{}}
	for name, content := range sources {
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
		broken.Replace[filepath.Join(root, name)] = file
	}
	b, err := json.Marshal(broken)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, b, 0o600)
}

// folders names the packages that are broken.
func (m mutation) folders() []string {
	var out []string
	for _, e := range m.edits {
		out = append(out, "./"+path.Dir(e.path))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// command runs a program in a folder of the module, and returns all that it says, or why it could not run.
func command(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(moduleRoot, dir), &said, &said
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return err.Error(), err
	}
	return said.String(), err
}

// some carries out one thing for each mutation, a few at a time.
func some(all []mutation, do func(int, mutation)) {
	var wait sync.WaitGroup
	free := make(chan struct{}, buildsAtOnce)
	for i, m := range all {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			do(i, m)
		})
	}
	wait.Wait()
}

// TestMutationsApply shows that the table still fits the product: every patch finds its place, and what comes out compiles.
func TestMutationsApply(t *testing.T) {
	all := mutations(t)
	names := map[string]bool{}
	for _, m := range all {
		if names[m.name] {
			t.Errorf("%s is there twice", m.name)
		}
		names[m.name] = true
	}
	some(all, func(_ int, m mutation) {
		overlay, err := m.overlay(t.TempDir())
		if err != nil {
			t.Error(err)
			return
		}
		if testing.Short() {
			return
		}
		args := append([]string{"build", "-overlay", overlay}, m.folders()...)
		if said, err := command(t, ".", "go", args...); err != nil {
			t.Errorf("%s does not compile:\n%s", m.name, said)
		}
	})
}
