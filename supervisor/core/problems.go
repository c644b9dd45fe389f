// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// problemsTold bounds the problems that are listed; the rest is counted.
const problemsTold = 50

// assess answers whether all is well, and says what is not, worst first.
func (c *Core) assess(now time.Time, v cluster.View) (cluster.Verdict, []string) {
	var problems []string
	if c.clusterID != "" && c.stranger(now) != "" {
		problems = append(problems, fmt.Sprintf("another cluster with our name and key is heard here: %s (ours is %s); the two stay apart", c.stranger(now), c.clusterID))
	}
	if c.clusterID == "" || len(v.Nodes) == 0 {
		return cluster.WaitingVerdict, append([]string{c.waiting(now)}, problems...)
	}
	if !v.Quorum.Holds {
		return cluster.NoQuorumVerdict, append([]string{strings.TrimPrefix(v.Quorum.Reason, "no quorum: ") + "; nothing is changed on any balancer of this node meanwhile"}, problems...)
	}
	if c.replica != nil && c.replica.Status().Stalled {
		problems = append(problems, "the disk of this node does not answer; what is decided now is not known here")
	}
	// A stranger is told and does not make our own cluster any worse.
	own := c.problemsOf(v)
	verdict := cluster.WellVerdict
	if len(own) > 0 || c.replica != nil && c.replica.Status().Stalled {
		verdict = cluster.DegradedVerdict
	}
	return verdict, bounded(append(problems, own...))
}

func bounded(problems []string) []string {
	if len(problems) <= problemsTold {
		return problems
	}
	return append(problems[:problemsTold:problemsTold], fmt.Sprintf("and %d more", len(problems)-problemsTold))
}

// waiting tells what a node that belongs to no cluster waits for.
func (c *Core) waiting(now time.Time) string {
	b := c.cfg.Bootstrap
	switch {
	case c.clusterID != "":
		return "the node joined the cluster and waits for the cluster file from its leader"
	case c.unfounded != "" && b == nil:
		return "founding a cluster was cut short on this node; start it with the cluster file (bootstrap) to go on, or remove its data directory to join another one"
	case c.unfounded != "" && c.stranger(now) != "":
		return "founding a cluster was cut short on this node, and another cluster is heard meanwhile; remove the data directory of this node to join that one"
	case c.stranger(now) != "":
		return "a cluster is heard; this node waits for its leader to let it in (is it in the cluster file?)"
	case b == nil:
		return "the node belongs to no cluster and waits to be let in by one; to found one, start it with a cluster file (bootstrap)"
	case firstVoter(*b) != c.cfg.Name:
		return fmt.Sprintf("no cluster yet: node %s founds it, as the first voter of the cluster file", firstVoter(*b))
	}
	return fmt.Sprintf("no cluster yet: to found it, this node needs to hear %d of its %d voters", len(b.Voters())/2+1, len(b.Voters()))
}

// problemsOf lists what is not as it should be.
func (c *Core) problemsOf(v cluster.View) []string {
	var out []string
	if v.Leader == "" {
		out = append(out, "the cluster has no leader; nothing can be decided now")
	}
	for _, p := range v.Pools {
		if p.Serving < p.Floor || p.Serving == 0 {
			out = append(out, fmt.Sprintf("pool %s has %s that can serve, its drain floor is %d", p.Name, cluster.Counted(p.Serving, "member"), p.Floor))
		}
	}
	for _, node := range v.Nodes {
		if why := nodeProblem(v, node); why != "" {
			out = append(out, why)
		}
	}
	for _, r := range v.Rails {
		if r.Up && r.Peers == 0 && len(v.Nodes) > 1 {
			out = append(out, fmt.Sprintf("nobody is heard on rail %s of node %s", r.Name, v.Node))
		}
	}
	for _, b := range v.Balancers {
		if !b.InStep && c.state.Node(b.Node).Mode != cluster.ModeMaintenance {
			out = append(out, fmt.Sprintf("balancer %s on %s is not in step%s", b.Name, b.Node, colon(b.Reason)))
		}
	}
	for _, r := range v.Resources {
		if why := resourceProblem(r); why != "" {
			out = append(out, why)
		}
	}
	for _, p := range v.Pools {
		for _, m := range p.Members {
			if m.Service == cluster.Out && m.Admin == cluster.AdminReady && !c.excused(m.Node) {
				out = append(out, fmt.Sprintf("member %s/%s is out%s", p.Name, m.Name, colon(m.Reason)))
			}
		}
	}
	return out
}

// excused tells whether the members of a node are no problem of their own: an
// operator took the node out, or the node itself is the problem.
func (c *Core) excused(node cluster.NodeID) bool {
	if node == "" {
		return false // agentless
	}
	st := c.state.Node(node)
	return st.Mode != cluster.ModeActive || st.Life != cluster.LifeAlive
}

func nodeProblem(v cluster.View, n cluster.NodeView) string {
	switch {
	case n.Life != string(cluster.LifeAlive):
		return fmt.Sprintf("node %s %s%s", n.Name, cluster.LifeNamed(n.Life).Words(), colon(n.Reason))
	case n.Votes && n.Log != "voter":
		return fmt.Sprintf("node %s has no vote in the log yet; losing another node now may stop the cluster", n.Name)
	case n.RailsUp < n.Rails:
		return fmt.Sprintf("node %s has %d of %d rails up", n.Name, n.RailsUp, n.Rails)
	case n.Lags:
		return fmt.Sprintf("node %s runs revision %d of the cluster file, not %d", n.Name, n.Revision, v.Revision)
	}
	return ""
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
