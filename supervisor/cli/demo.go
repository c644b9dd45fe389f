// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/scenarios/demo"
)

func newDemoCommand(env *environment) *cobra.Command {
	opts := demo.Options{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a cluster losing an application and a node",
		Long: `Build a whole cluster on this machine, send requests through it, break it, and
measure what that costs: with Evenkeel, and beside it with HAProxy alone.

As root, the nodes live in network namespaces of their own and can be cut off the
network. Without root they share the loopback addresses, and that act is left out.
The host's own network and processes are never touched, and whatever was made is
removed at the end, also after Ctrl-C. It takes about a minute.

The HAProxies that Evenkeel keeps have the configuration that it recommends
(configs/haproxy.cfg: option redispatch 1, timeout connect 200ms, a state file),
but no checks of their own, so that what you see is Evenkeel. The others have HAProxy's default checks, and Evenkeel does not touch them.`,
		Example: `  evenkeel demo
  evenkeel demo --acts node --timing fast
  evenkeel demo --keep          # and look around
  evenkeel demo --runs 5 -o json`,
		Args: cobra.NoArgs,
	}
	output := formatFlag(cmd, formatTable, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opts.JSON = output.is == formatJSON
		opts.Out, opts.Story = env.stdout, env.stdout
		if opts.JSON {
			opts.Story = env.stderr
		}
		at := env.screenOf(opts.Story)
		opts.Color, opts.Live, opts.Width = at.color, at.tty && os.Getenv("TERM") != "dumb", at.width
		return demo.Run(cmd.Context(), opts)
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&opts.Acts, "acts", demo.Acts(), "acts to play, in their own order")
	flags.IntVar(&opts.Runs, "runs", 1, "how often the acts are played; several give medians")
	flags.StringVar(&opts.Timing, "timing", "lan", "timing profile of the nodes: lan, fast or wan")
	flags.BoolVar(&opts.NoPeer, "no-peer", false, "leave out the HAProxies that Evenkeel does not touch")
	flags.BoolVar(&opts.Keep, "keep", false, "leave the cluster up at the end, until Ctrl-C")
	flags.StringVar(&opts.Dir, "dir", "", "folder in which the demo makes its own (default: the temporary folder)")
	flags.StringVar(&opts.Name, "name", demo.DefaultName, "name of the lab, to play several demos at once")
	_ = flags.MarkHidden("name") // it fails only for a flag that is not there
	cmd.AddCommand(newDemoAppCommand(env))
	return cmd
}

// newDemoAppCommand is the web application of a node of the demo, which starts it.
func newDemoAppCommand(env *environment) *cobra.Command {
	listen, node := "", ""
	cmd := &cobra.Command{
		Use:    "app",
		Short:  "Run the web application of a demo's node",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Serve(cmd.Context(), listen, node, env.stderr)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to answer on")
	cmd.Flags().StringVar(&node, "node", "app", "name to answer as")
	return cmd
}
