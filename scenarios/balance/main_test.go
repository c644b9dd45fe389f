// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
)

// binary is the product; TestMain builds it.
var binary string

// shared is the fleet that most tests use; nil when there is none yet, or none any more.
var shared *stand

func TestMain(m *testing.M) {
	os.Exit(labtest.Main(func(built string) int {
		binary = built
		code := m.Run()
		if shared == nil {
			return code
		}
		if err := shared.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}))
}

// take returns the shared fleet, in which all is well: three web machines and two balancers. When the test is over, all must
// be well again; after a failure the next test gets a new fleet.
func take(t *testing.T) *stand {
	t.Helper()
	labtest.Need(t)
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
	labtest.Need(t)
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
