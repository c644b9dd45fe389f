// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// completeNodes offers the names of the nodes for the only argument.
func (env *environment) completeNodes(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return env.complete(cmd, args, func(view cluster.View) []cobra.Completion {
		var out []cobra.Completion
		for _, n := range view.Nodes {
			out = append(out, cobra.CompletionWithDesc(clean(string(n.Name)), clean(fmt.Sprintf("%s, %s", n.Life, n.Mode))))
		}
		return out
	})
}

// completeMembers offers POOL/MEMBER for the only argument.
func (env *environment) completeMembers(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return env.complete(cmd, args, func(view cluster.View) []cobra.Completion {
		var out []cobra.Completion
		for _, p := range view.Pools {
			for _, m := range p.Members {
				out = append(out, cobra.CompletionWithDesc(clean(p.Name+"/"+m.Name), clean(strings.TrimSuffix(string(m.Service)+": "+m.Reason, ": "))))
			}
		}
		return out
	})
}

// complete asks the node. Without an answer there is nothing to offer, and a
// shell in the middle of a line is no place for an error.
func (env *environment) complete(cmd *cobra.Command, args []string, offer func(cluster.View) []cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client := env.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), shortCall)
	defer cancel()
	view, err := client.Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	return offer(view), cobra.ShellCompDirectiveNoFileComp
}
