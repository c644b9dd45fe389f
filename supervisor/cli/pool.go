// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// everyBalancer is what verbs about members wait for.
const everyBalancer = "every balancer has done it"

func newPoolCommand(env *environment) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "pool",
		Short: "Take members of pools out of service and bring them back",
		Long: `Take members of pools out of service and bring them back. What is asked stays
asked, through restarts and reloads of whatever it concerns, until something
else is asked.`,
	})
	cmd.AddCommand(
		newPoolListCommand(env),
		newMemberCommand(env, memberVerb{
			admin: cluster.AdminDrain, done: []phase{phaseDrained, phaseOut},
			short: "Take a member out: no new sessions, then maint when the last one ends",
			long: `Take a member out of service on every balancer that carries it: it gets no new
sessions, and goes into maint when its last session ends or at the deadline,
when what is left is closed.`,
		}),
		newMemberCommand(env, memberVerb{
			admin: cluster.AdminReady, done: []phase{phaseReady},
			short: "Let a member serve again",
			long:  "Let a member serve again, when its check says that it can.",
		}),
		newMemberCommand(env, memberVerb{
			admin: cluster.AdminMaint, done: []phase{phaseDrained, phaseOut},
			short: "Take a member out at once; its sessions are not waited for",
			long:  "Take a member out of service at once, without waiting for its sessions.",
		}),
	)
	return cmd
}

func newPoolListCommand(env *environment) *cobra.Command {
	return env.listCommand("List the pools with their members", listing{
		data: func(v cluster.View) document { return v.Pools },
		names: func(v cluster.View) []string {
			var out []string
			for _, p := range v.Pools {
				for _, m := range p.Members {
					out = append(out, clean(p.Name)+"/"+clean(m.Name))
				}
			}
			return out
		},
		page: func(p *page) { p.pools() },
	})
}

// memberVerb is one of drain, ready and maint.
type memberVerb struct {
	admin cluster.Admin
	done  []phase
	short string
	long  string
}

func newMemberCommand(env *environment, verb memberVerb) *cobra.Command {
	ask := cluster.SetMember{Admin: verb.admin}
	var deadline time.Duration
	var wait waitFlags
	cmd := &cobra.Command{
		Use:               string(verb.admin) + " POOL/MEMBER",
		Short:             verb.short,
		Long:              verb.long,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: env.completeMembers,
	}
	flags := cmd.Flags()
	flags.StringVar(&ask.Reason, "reason", "", "why, for those who look at it later")
	if verb.admin == cluster.AdminDrain {
		flags.DurationVar(&deadline, "deadline", 0, "when to close the sessions that are left (default: as the pool says)")
	}
	if verb.admin != cluster.AdminReady {
		flags.BoolVar(&ask.Force, "force", false, "also when the pool goes under its drain floor")
	}
	wait.add(cmd, everyBalancer)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := cluster.ParseMemberID(args[0])
		if err != nil {
			return usageError{err.Error()}
		}
		if deadline < 0 {
			return usageError{fmt.Sprintf("--deadline %s: it must not be negative", deadline)}
		}
		ask.Member, ask.Deadline = id, cluster.Duration(deadline)
		client := env.client()
		defer client.Close()
		if _, err := client.SetAdmin(cmd.Context(), ask); err != nil {
			return err
		}
		if !wait.on {
			return env.print("%s: %s accepted; %s", id, verb.admin, follow)
		}
		env.say("%s: %s accepted", id, verb.admin)
		answer, err := client.Spec(cmd.Context())
		if err != nil {
			return err
		}
		e := memberErrand{
			spec: answer.Spec, verb: string(verb.admin), done: verb.done, members: []cluster.MemberID{id},
			stands: func(v cluster.View) bool {
				m, ok := memberOf(v, id)
				return ok && m.Admin == verb.admin
			},
		}
		return env.await(cmd.Context(), client, errand{title: id.String(), verb: e.verb, look: e.look}, wait.most)
	}
	return cmd
}
