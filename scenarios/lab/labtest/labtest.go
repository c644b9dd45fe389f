// SPDX-License-Identifier: Apache-2.0

package labtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// Main is the body of a TestMain. It makes the test binary PID 1 of the lab's nodes where it is started as such; else it builds the
// product as root, and runs the tests with the path of the binary, which is empty without root. It returns the exit code, which the tests
// return as well.
func Main(tests func(binary string) int) int {
	if len(os.Args) > 1 && os.Args[1] == lab.InitArg {
		return lab.Init(os.Args[2:])
	}
	// Each would go before the node files of the lab.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "EVENKEEL_") {
			_ = os.Unsetenv(name)
		}
	}
	if os.Geteuid() != 0 {
		return tests("")
	}
	dir, err := os.MkdirTemp("", "ekbin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "evenkeel")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, "github.com/evenkeel-ha/evenkeel")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
		return 1
	}
	return tests(binary)
}

// Need skips a test without root, and fails it when a package is missing.
func Need(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if missing := lab.Missing(); len(missing) > 0 {
		t.Fatalf("missing %s: run ./task setup, or %s", strings.Join(missing, ", "), lab.InstallLine(missing))
	}
}
