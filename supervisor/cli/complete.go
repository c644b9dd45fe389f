// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// words offers what an argument can be. Those given before it are known.
type words func(view cluster.View, before []string) []cobra.Completion

// completeNodes offers the names of the nodes for the only argument.
func (env *environment) completeNodes(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return env.completeWords(func(view cluster.View, _ []string) []cobra.Completion {
		var out []cobra.Completion
		for _, n := range view.Nodes {
			out = append(out, word(string(n.Name), fmt.Sprintf("%s, %s", n.Life, n.Mode)))
		}
		return out
	})(cmd, args, begun)
}

// completeMembers offers POOL/MEMBER for the only argument.
func (env *environment) completeMembers(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return env.completeWords(func(view cluster.View, _ []string) []cobra.Completion {
		var out []cobra.Completion
		for _, p := range view.Pools {
			for _, m := range p.Members {
				out = append(out, word(p.Name+"/"+m.Name, strings.TrimSuffix(string(m.Service)+": "+m.Reason, ": ")))
			}
		}
		return out
	})(cmd, args, begun)
}

// resourceWords offers the names of the resources.
func resourceWords(view cluster.View, _ []string) []cobra.Completion {
	var out []cobra.Completion
	for _, r := range view.Resources {
		out = append(out, word(r.Name, standing(r)))
	}
	return out
}

// candidateWords offers the nodes that the verb can name for the resource: for
// a move those that do not hold it, for a ban those that are not banned.
func candidateWords(verb cluster.Verb) words {
	return func(view cluster.View, before []string) []cobra.Completion {
		r, _ := resourceOf(view, before[0])
		var out []cobra.Completion
		for _, c := range r.Candidates {
			if verb == cluster.VerbMove && c.Node == r.Holder || verb == cluster.VerbBan && c.Banned {
				continue
			}
			out = append(out, word(string(c.Node), candidacy(r, c)))
		}
		return out
	}
}

func word(name, description string) cobra.Completion {
	return cobra.CompletionWithDesc(clean(name), clean(description))
}

// completeWords asks the node for the words of each argument. Without an answer
// there is nothing to offer, and a shell in the middle of a line is no place for
// an error.
func (env *environment) completeWords(offers ...words) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(offers) {
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
		return offers[len(args)](view, args), cobra.ShellCompDirectiveNoFileComp
	}
}
