// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// judge answers whether all is well, and says what is not, worst first.
func (n *Node) judge(v cluster.View) (cluster.Verdict, []string) {
	if n.clusterID == "" || len(v.Nodes) == 0 {
		return cluster.WaitingVerdict, []string{n.waiting()}
	}
	if !v.Quorum.Holds {
		return cluster.NoQuorumVerdict, []string{v.Quorum.Reason + "; nothing is changed on any balancer until a majority is back"}
	}
	problems := problemsOf(v)
	if len(problems) > 0 {
		return cluster.DegradedVerdict, problems
	}
	return cluster.WellVerdict, nil
}

// waiting tells what a node that belongs to no cluster waits for.
func (n *Node) waiting() string {
	b := n.cfg.Bootstrap
	switch {
	case n.clusterID != "":
		return "the node joined the cluster and waits for the cluster file from its leader"
	case len(n.foreign) > 0:
		return "a cluster is heard; this node waits for its leader to let it in (is it in the cluster file?)"
	case b == nil:
		return "the node belongs to no cluster and waits to be let in by one; to found one, start it with a cluster file (bootstrap)"
	case firstVoter(*b) != n.cfg.Name:
		return fmt.Sprintf("no cluster yet: node %s founds it, as the first voter of the cluster file", firstVoter(*b))
	}
	return fmt.Sprintf("no cluster yet: to found it, this node needs to hear %d of its %d voters", len(b.Voters())/2+1, len(b.Voters()))
}

// problemsOf lists what is not as it should be.
func problemsOf(v cluster.View) []string {
	var out []string
	if v.Leader == "" {
		out = append(out, "the cluster has no leader; nothing can be decided now")
	}
	for _, p := range v.Pools {
		if p.Serving < p.Floor || p.Serving == 0 {
			out = append(out, fmt.Sprintf("pool %s has %d members that can serve, its drain floor is %d", p.Name, p.Serving, p.Floor))
		}
	}
	for _, n := range v.Nodes {
		switch {
		case n.Life != string(cluster.LifeAlive):
			out = append(out, fmt.Sprintf("node %s is %s%s", n.Name, n.Life, colon(n.Reason)))
		case n.Votes && n.Log != "voter":
			out = append(out, fmt.Sprintf("node %s has no vote in the log yet; losing another node now may stop the cluster", n.Name))
		case n.RailsUp < n.Rails:
			out = append(out, fmt.Sprintf("node %s has %d of %d rails up", n.Name, n.RailsUp, n.Rails))
		case n.Lags:
			out = append(out, fmt.Sprintf("node %s runs revision %d of the cluster file, not %d", n.Name, n.Revision, v.Revision))
		}
	}
	for _, r := range v.Rails {
		if r.Up && r.Peers == 0 && len(v.Nodes) > 1 {
			out = append(out, fmt.Sprintf("nobody is heard on rail %s of node %s", r.Name, v.Node))
		}
	}
	for _, b := range v.Balancers {
		if !b.InStep {
			out = append(out, fmt.Sprintf("balancer %s on %s is not in step%s", b.Name, b.Node, colon(b.Reason)))
		}
	}
	for _, p := range v.Pools {
		for _, m := range p.Members {
			if m.Service == cluster.Out && m.Admin == cluster.AdminReady {
				out = append(out, fmt.Sprintf("member %s/%s is out%s", p.Name, m.Name, colon(m.Reason)))
			}
		}
	}
	return out
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
