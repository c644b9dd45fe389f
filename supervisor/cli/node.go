// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func newNodeCommand(env *environment) *cobra.Command {
	cmd := group(&cobra.Command{Use: "node", Short: "List nodes, and say what the cluster may do on them"})
	cmd.AddCommand(newNodeListCommand(env), newStandbyCommand(env), newUnstandbyCommand(env), newMaintenanceCommand(env))
	return cmd
}

func newNodeListCommand(env *environment) *cobra.Command {
	return env.listCommand("List the nodes", listing{
		data: func(v cluster.View) document { return v.Nodes },
		names: func(v cluster.View) []string {
			var out []string
			for _, n := range v.Nodes {
				out = append(out, clean(string(n.Name)))
			}
			return out
		},
		page: func(p *page) { p.lines = p.nodes().lines(p.at) },
	})
}

// modeVerb is a change of a node's mode.
type modeVerb struct {
	ask  cluster.SetMode
	from cluster.Mode // the mode that the verb ends; empty = any
	wait waitFlags
	done []phase       // of the node's members; none = there is nothing to wait for
	only cluster.Admin // members that were asked for something else are not waited for
}

// empties returns the node that resources leave, if they do.
func (v *modeVerb) empties() cluster.NodeID {
	if v.ask.Mode == cluster.ModeStandby {
		return v.ask.Node
	}
	return ""
}

func newStandbyCommand(env *environment) *cobra.Command {
	verb := modeVerb{ask: cluster.SetMode{Mode: cluster.ModeStandby}, done: []phase{phaseDrained, phaseOut}}
	cmd := env.modeCommand(&verb, "standby", "Move everything off a node and place nothing there")
	cmd.Long = `Drain every member on the node, move its resources away, and place nothing there
until unstandby. The node goes on voting.`
	cmd.Flags().BoolVar(&verb.ask.Force, "force", false, "also when a pool goes under its drain floor")
	verb.wait.add(cmd, everyBalancer+" and every resource has left")
	return cmd
}

func newUnstandbyCommand(env *environment) *cobra.Command {
	verb := modeVerb{ask: cluster.SetMode{Mode: cluster.ModeActive}, from: cluster.ModeStandby, done: []phase{phaseReady}, only: cluster.AdminReady}
	cmd := env.modeCommand(&verb, "unstandby", "End the standby of a node")
	verb.wait.add(cmd, everyBalancer)
	return cmd
}

func newMaintenanceCommand(env *environment) *cobra.Command {
	verb := modeVerb{ask: cluster.SetMode{Mode: cluster.ModeMaintenance}}
	off := false
	cmd := env.modeCommand(&verb, "maintenance", "Touch nothing on a node, whatever happens there")
	cmd.Long = `Touch nothing on the node, whatever happens there: its members keep the state
that they have on the balancers, and its own balancers are left alone. With
--off the cluster takes care of it again.`
	cmd.Flags().BoolVar(&off, "off", false, "end the maintenance")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if off {
			verb.ask.Mode, verb.from = cluster.ModeActive, cluster.ModeMaintenance
		}
		return run(cmd, args)
	}
	return cmd
}

func (env *environment) modeCommand(verb *modeVerb, name, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " NODE", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: env.completeNodes,
	}
	cmd.Flags().StringVar(&verb.ask.Reason, "reason", "", "why, for those who look at it later")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		client := env.client()
		defer client.Close()
		verb.ask.Node = cluster.NodeID(args[0])
		view, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if node, ok := nodeOf(view, verb.ask.Node); ok && verb.from != "" && node.Mode != verb.from {
			return notIn(node, verb.from)
		}
		if _, err := client.SetMode(ctx, verb.ask); err != nil {
			return err
		}
		title := "node " + args[0]
		if !verb.wait.on {
			return env.print("%s: %s; %s", title, modeWords(verb.ask.Mode), follow)
		}
		env.say("%s: %s", title, modeWords(verb.ask.Mode))
		answer, err := client.Spec(ctx)
		if err != nil {
			return err
		}
		e := memberErrand{
			spec: answer.Spec, verb: name, done: verb.done, only: verb.only, empties: verb.empties(),
			stands: func(v cluster.View) bool {
				node, ok := nodeOf(v, verb.ask.Node)
				return ok && node.Mode == verb.ask.Mode
			},
		}
		for _, m := range answer.Spec.Members() {
			if m.Node == verb.ask.Node {
				e.members = append(e.members, m.ID)
			}
		}
		return env.await(ctx, client, errand{title: title, verb: name, look: e.look}, verb.wait.most)
	}
	return cmd
}

// notIn refuses to end a mode that the node is not in: it would end another one.
func notIn(node cluster.NodeView, from cluster.Mode) error {
	err := fmt.Errorf("node %s is not in %s, it is %s", node.Name, from, modeWords(node.Mode))
	switch node.Mode {
	case cluster.ModeStandby:
		return hintedError{err, fmt.Sprintf("to end that: evenkeel node unstandby %s", node.Name)}
	case cluster.ModeMaintenance:
		return hintedError{err, fmt.Sprintf("to end that: evenkeel node maintenance %s --off", node.Name)}
	case cluster.ModeActive:
	}
	return hintedError{err, "nothing was changed"}
}

func modeWords(m cluster.Mode) string {
	if m == cluster.ModeActive {
		return "active"
	}
	return "in " + string(m)
}

func nodeOf(view cluster.View, name cluster.NodeID) (cluster.NodeView, bool) {
	i := slices.IndexFunc(view.Nodes, func(n cluster.NodeView) bool { return n.Name == name })
	if i < 0 {
		return cluster.NodeView{}, false
	}
	return view.Nodes[i], true
}
