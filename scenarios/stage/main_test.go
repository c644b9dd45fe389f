// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// binary is the product; TestMain builds it.
var binary string

// TestMain makes the test binary PID 1 of the lab's nodes, and builds the product.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == lab.InitArg {
		os.Exit(lab.Init(os.Args[2:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
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
	return m.Run()
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
