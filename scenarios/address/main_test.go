// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// program is the product; TestMain builds it.
var program string

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
		program = filepath.Join(dir, "evenkeel")
		build := exec.Command("go", "build", "-o", program, "github.com/evenkeel-ha/evenkeel")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
			return 1
		}
	}
	return m.Run()
}
