// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/process"
)

const (
	envRole   = "EVENKEEL_TEST_ROLE"
	envFolder = "EVENKEEL_TEST_FOLDER"
	// linger is after how long the guard of a test ends that nobody needs, should the test not come to its end.
	linger = time.Second
)

// TestMain makes the test binary the guard that a test begins.
func TestMain(m *testing.M) {
	if os.Getenv(envRole) != "guard" {
		os.Exit(m.Run())
	}
	if err := beGuard(os.Getenv(envFolder)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func socket(folder string) string { return filepath.Join(folder, "s") }

// beGuard is what the guard of the product is, but for its flags.
func beGuard(folder string) error {
	lacks := process.Harden()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	links, err := vip.Open(vip.Options{Record: filepath.Join(folder, "addresses")})
	if err != nil {
		return err
	}
	g, err := gate.Open(gate.Options{Pin: filepath.Join(folder, "bpf"), Name: "test"})
	if err != nil {
		return errors.Join(err, links.Close())
	}
	err = process.Run(ctx, process.Options{
		Socket: socket(folder), Version: "test", Hands: Hands{links}, Gate: Gate{g}, Lacks: lacks, Linger: linger, Log: zerolog.New(os.Stderr),
	})
	return errors.Join(err, g.Close(), links.Close())
}
