// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// tryMost is how long the new program may take to tell its version.
const tryMost = 5 * time.Second

// renewed puts the program that stands where this one was started from in the place of this process, whenever SIGHUP asks for
// it, until ctx ends: an upgrade without leaving the cluster. For the others it is a crash from which the node is back before
// it is missed, and what the guard holds stays. A program that cannot even tell its version is not put there.
func renewed(ctx context.Context, log zerolog.Logger) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGHUP)
	defer signal.Stop(asked)
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		}
		program, version, err := successor(ctx)
		if err == nil {
			log.Info().Str("program", program).Str("version", version).Msg("the process is replaced, as SIGHUP asks")
			err = syscall.Exec(program, append([]string{program}, os.Args[1:]...), os.Environ()) //nolint:gosec // it is our own program, and the command line that we were started with
		}
		log.Error().Err(err).Msg("the process cannot be replaced, and goes on as it is")
	}
}

// successor returns the path of the program to put in our place, and its version.
func successor(ctx context.Context) (program, version string, err error) {
	if program, err = ownProgram(); err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, tryMost)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("%s --version: %w", program, err)
	}
	return program, strings.TrimSpace(string(out)), nil
}

// ownProgram returns the path that this program was started from. A file that was replaced meanwhile has " (deleted)" behind
// its name, and the new one has its place.
func ownProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find our own binary: %w", err)
	}
	return strings.TrimSuffix(self, " (deleted)"), nil
}
