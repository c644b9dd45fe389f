// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func newResourceCommand(env *environment) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "resource",
		Short: "Move what one node holds at a time, and say who may hold it",
		Long: `Move what one node holds at a time, such as virtual addresses, and say who may
hold it. A move is done once and leaves nothing behind; a ban and a disable stay
until they are ended, and status shows them. What holds a resource where it is
is told by evenkeel why.`,
	})
	cmd.AddCommand(newResourceListCommand(env))
	for _, verb := range resourceVerbs() {
		cmd.AddCommand(env.resourceCommand(verb))
	}
	return cmd
}

func newResourceListCommand(env *environment) *cobra.Command {
	return env.listCommand("List the resources", listing{
		data: func(v cluster.View) document { return append([]cluster.ResourceView{}, v.Resources...) },
		names: func(v cluster.View) []string {
			var out []string
			for _, r := range v.Resources {
				out = append(out, clean(r.Name))
			}
			return out
		},
		page: func(p *page) { p.lines = p.resources().lines(p.at) },
	})
}

// resourceVerb is something that an operator asks for with a resource.
type resourceVerb struct {
	verb  cluster.Verb
	place string // preposition before the node that the verb names, such as to; empty = it names none
	until string // what it can wait for; empty = there is nothing to wait for
	short string
	long  string
}

func resourceVerbs() []resourceVerb {
	return []resourceVerb{
		{
			verb: cluster.VerbMove, place: "to", until: "the node holds it",
			short: "Move a resource to a node, once",
			long: `Move a resource to a node. Its holder lets go first, then the node gets it. That
is done once: nothing of it is left when the resource has arrived, and from then
on it is treated like any other on that node. A node that cannot hold it now is
refused, unless --force is given.`,
		},
		{
			verb: cluster.VerbRestart, until: "it is held again",
			short: "Let a resource go and take it again, on the same node",
			long:  "Let a resource go and take it again, on the same node.",
		},
		{
			verb: cluster.VerbBan, place: "from", until: "the node does not hold it any more",
			short: "Keep a resource away from a node, until clear",
			long: `Keep a resource away from a node until clear. If the node holds it, it is moved
to the best other node; when no other node can hold it, nobody does.`,
		},
		{
			verb:  cluster.VerbClear,
			short: "End the bans of a resource",
			long:  "End all bans of a resource. That alone moves nothing: its failback does, if it says so.",
		},
		{
			verb: cluster.VerbEnable, until: "it is held, or it is known why nobody can hold it",
			short: "Let a resource be held again",
			long:  "Let a resource be held again by the best node, after disable.",
		},
		{
			verb: cluster.VerbDisable, until: "nobody holds it",
			short: "Let nobody hold a resource, until enable",
			long:  "Take a resource from its holder, and let nobody hold it until enable.",
		},
	}
}

func (env *environment) resourceCommand(verb resourceVerb) *cobra.Command {
	var ask api.ResourceRequest
	var wait waitFlags
	cmd := &cobra.Command{
		Use: string(verb.verb) + " RESOURCE", Short: verb.short, Long: verb.long,
		Args: cobra.ExactArgs(1), ValidArgsFunction: env.completeWords(resourceWords),
	}
	if verb.place != "" {
		cmd.Use += " NODE"
		cmd.Args, cmd.ValidArgsFunction = cobra.ExactArgs(2), env.completeWords(resourceWords, candidateWords(verb.verb))
	}
	cmd.Flags().StringVar(&ask.Reason, "reason", "", "why, for those who look at it later")
	if verb.verb == cluster.VerbMove {
		cmd.Flags().BoolVar(&ask.Force, "force", false, "also to a node that cannot hold it now")
	}
	if verb.until != "" {
		wait.add(cmd, verb.until)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, asked := args[0], string(verb.verb)
		ask.Verb = verb.verb
		if verb.place != "" {
			ask.Node = cluster.NodeID(args[1])
			asked += " " + verb.place + " " + args[1]
		}
		client := env.client()
		defer client.Close()
		out, err := client.SetResource(cmd.Context(), name, ask)
		if err != nil {
			return err
		}
		if !wait.on {
			return env.print("%s: %s accepted; %s", name, asked, follow)
		}
		env.say("%s: %s accepted", name, asked)
		e, err := newResourceErrand(name, ask, out.Events)
		if err != nil {
			return err
		}
		return env.await(cmd.Context(), client, errand{
			title: name, verb: asked, hint: "for where it is, and why: evenkeel why " + name, look: e.look,
		}, wait.most)
	}
	return cmd
}
