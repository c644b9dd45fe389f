// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
	"github.com/evenkeel-ha/evenkeel/supervisor/cli/holding"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/process"
)

// guardFlags are what a supervisor tells the guard that it begins.
type guardFlags struct {
	socket, class, node string
	log                 config.Log
}

// newGuardCommand is the process that has the node's virtual addresses in its hands. People do not start it.
func newGuardCommand(env *environment) *cobra.Command {
	var f guardFlags
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "Hold the virtual addresses of this node (started by evenkeel run)",
		Long: `Hold the virtual addresses of this node. evenkeel run starts this process when there
is something to hold, and it goes on when evenkeel run ends: it lets go of each
address by itself when the node's right to it runs out.`,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runGuard(cmd.Context(), f, env)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.socket, "guard-socket", config.DefaultGuardSocket, "socket on which the supervisor is listened to")
	flags.StringVar(&f.class, "class", "", "class of the gate: gate, timed-set or address (default: the best that the kernel allows)")
	flags.StringVar(&f.node, "node", "node", "name of the node, which tells its gate from those of others on this machine")
	flags.StringVar(&f.log.Level, "log-level", config.DefaultLogLevel, "least severity that is logged")
	flags.StringVar(&f.log.Format, "log-format", config.DefaultLogFormat, "how lines look: text or json")
	return cmd
}

// command returns the command line of a guard.
func (f guardFlags) command() ([]string, error) {
	program, err := ownProgram()
	if err != nil {
		return nil, err
	}
	return []string{
		program, "guard", "--guard-socket", f.socket, "--class", f.class, "--node", f.node,
		"--log-level", f.log.Level, "--log-format", f.log.Format,
	}, nil
}

func runGuard(ctx context.Context, f guardFlags, env *environment) error {
	lacks := process.Harden()
	out := process.NewLog(env.stderr)
	log, err := newLogger(f.log, out)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	return errors.Join(guardWith(ctx, f, lacks, env.version, log.With().Str("part", "guard").Logger()), out.Close())
}

func guardWith(ctx context.Context, f guardFlags, lacks []string, version string, log zerolog.Logger) error {
	run := filepath.Dir(f.socket)
	if err := os.MkdirAll(run, 0o700); err != nil {
		return fmt.Errorf("make the folder of the guard: %w", err)
	}
	links, err := vip.Open(vip.Options{Record: filepath.Join(run, "addresses")})
	if err != nil {
		return err
	}
	g, err := gate.Open(gate.Options{Class: gate.Class(f.class), Pin: gate.PinDir(run), Name: gateName(f.node)})
	if err != nil {
		return errors.Join(err, links.Close())
	}
	err = process.Run(ctx, process.Options{
		Socket: f.socket, Version: version, Hands: holding.Hands{Links: links}, Gate: holding.Gate{Gate: g}, Lacks: lacks, Log: log,
	})
	return errors.Join(err, g.Close(), links.Close())
}

var notInGateName = regexp.MustCompile(`[^a-z0-9-]+`)

// gateName makes the name of a gate out of the name of a node.
func gateName(node string) string {
	const longest = 20
	name := notInGateName.ReplaceAllString(node, "-")
	return name[:min(len(name), longest)]
}
