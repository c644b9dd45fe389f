// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// envSocket names the variable with the path of the API's socket.
const envSocket = "EVENKEEL_API_SOCKET"

func newRootCommand(env *environment) *cobra.Command {
	root := group(&cobra.Command{
		Use:     "evenkeel",
		Short:   "Keep a cluster and its load balancers on an even keel",
		Version: env.version,
		Long: `Evenkeel runs once on every node of a cluster. The nodes agree on who is alive
and on which members serve, and keep HAProxy in step with that.

Exit codes: 0 all went well, 1 something failed or is not well, 2 the command
line was wrong.`,
	})
	root.SilenceErrors, root.SilenceUsage = true, true
	flags := root.PersistentFlags()
	flags.StringVar(&env.socket, "socket", "", "socket of the node's API (default: $"+envSocket+", else as the node file says, else "+config.DefaultSocket+")")
	flags.BoolVar(&env.noColor, "no-color", false, "no colour, as with $NO_COLOR")
	root.AddCommand(
		newRunCommand(env),
		newGuardCommand(env),
		newDemoCommand(env),
		newStatusCommand(env),
		newApplyCommand(env),
		newDiffCommand(env),
		newNodeCommand(env),
		newPoolCommand(env),
		newResourceCommand(env),
		newWhyCommand(env),
		newEventsCommand(env),
		newReplayCommand(env),
		newConfigCommand(env),
		newImportCommand(env),
		newKeygenCommand(env),
		newScenarioCommand(env),
		newVersionCommand(env),
	)
	root.InitDefaultCompletionCmd()
	noteBeginning(env, root)
	return root
}

// noteBeginning makes every verb note that its command line was right, so that
// what fails from then on is no error of usage.
func noteBeginning(env *environment, cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			env.began = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteBeginning(env, sub)
	}
}

// group makes a command of others: alone it shows its help, and with a word
// that it does not know it fails.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		message := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), args[0])
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			message += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usageError{message}
	}
	return cmd
}

// client returns a client for the node's API.
func (env *environment) client() *api.Client { return api.Dial(env.socketPath()) }

// socketPath tells where the node's API listens: as the flag says, else the
// environment, else the node file, if it can be read.
func (env *environment) socketPath() string {
	if env.socket != "" {
		return env.socket
	}
	if path := os.Getenv(envSocket); path != "" {
		return path
	}
	if node, err := config.LoadNode(nodeFile(), nil, nil); err == nil {
		return node.API.Socket
	}
	return config.DefaultSocket
}

// nodeFile tells where the node file is.
func nodeFile() string {
	if path := os.Getenv(config.EnvConfig); path != "" {
		return path
	}
	return config.DefaultNodeFile
}
