// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// binary is the product; TestMain builds it.
var binary string

// shared is the fleet that most tests use; nil when there is none yet, or none any more.
var shared *stand

// TestMain makes the test binary PID 1 of the lab's nodes, and builds the product, whose processes the tests are about.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == lab.InitArg {
		os.Exit(lab.Init(os.Args[2:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Each would go before the node files of the lab.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "EVENKEEL_") {
			_ = os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "ekbin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if os.Geteuid() == 0 {
		binary = filepath.Join(dir, "evenkeel")
		build := exec.Command("go", "build", "-o", binary, "github.com/evenkeel-ha/evenkeel")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
			return 1
		}
	}
	code := m.Run()
	if shared != nil {
		if err := shared.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// needLab skips without root, and fails when a package is missing.
func needLab(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if missing := lab.Missing(); len(missing) > 0 {
		t.Fatalf("missing %s: run ./task setup, or %s", strings.Join(missing, ", "), lab.InstallLine(missing))
	}
}

// take returns the shared fleet, in which all is well: three web machines and two balancers. When the test is over, all must
// be well again; after a failure the next test gets a new fleet.
func take(t *testing.T) *stand {
	t.Helper()
	needLab(t)
	if shared == nil {
		s, err := open(t.Context(), "ekbal", fleet.Options{Web: 3, Balancers: 2})
		if err != nil {
			t.Fatal(err)
		}
		shared = s
	}
	s := shared.in(t)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		s.evidence()
		shared = nil
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	s.well()
	return s
}

// own returns a fleet of the test's own, in which all is well.
func own(t *testing.T, opts fleet.Options) *stand {
	t.Helper()
	needLab(t)
	s, err := open(t.Context(), "ekown", opts)
	if err != nil {
		t.Fatal(err)
	}
	s = s.in(t)
	t.Cleanup(func() {
		if t.Failed() {
			s.evidence()
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	s.well()
	return s
}

func exitCode(err error) (int, bool) {
	if err == nil {
		return 0, true
	}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode(), true
	}
	return -1, false
}
