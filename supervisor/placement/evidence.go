// SPDX-License-Identifier: Apache-2.0

package placement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Evidence is what the leader knows beyond the log.
type Evidence struct {
	Nodes map[cluster.NodeID]Node
	// Lapsed names the voters who say that nothing of a life can act any more, by the epoch of the life.
	Lapsed map[uint64][]cluster.NodeID
}

// Node is what is known of a node beyond the log.
type Node struct {
	Heard     bool                     // its present life was heard lately, and is not suspected
	Leaving   bool                     // it is about to stop
	Balancers map[string]string        // of its own: why it is lost, empty = it answers
	Troubles  map[string]string        // by resource: why it failed to hold it
	Idle      map[string]bool          // by resource: nobody uses it there
	FitFor    map[string]time.Duration // by resource: for how long it could hold it by now
}

// Unfit tells why a node cannot hold a resource now; empty if it can.
func Unfit(s cluster.State, ev Evidence, r cluster.ResourceSpec, id cluster.NodeID) string {
	return cmp.Or(s.Unfit(r.Name, id), ev.ails(s, r, id), ev.unknown(s, r, id))
}

// ails tells what is known to keep a node from holding a resource here and now, although the log lets it; empty if nothing is.
func (ev Evidence) ails(s cluster.State, r cluster.ResourceSpec, id cluster.NodeID) string {
	n := ev.Nodes[id]
	if n.Leaving {
		return fmt.Sprintf("node %s is stopping", id)
	}
	if !n.Heard {
		return fmt.Sprintf("node %s is not heard", id)
	}
	if why := n.Balancers[r.Balancer]; why != "" {
		return fmt.Sprintf("balancer %s on node %s is lost: %s", r.Balancer, id, why)
	}
	if r.Balancer != "" && !runs(s.Spec, r.Balancer, id) {
		return fmt.Sprintf("node %s does not run balancer %s", id, r.Balancer)
	}
	if r.Pool != "" {
		m, ok := s.Spec.MemberOn(r.Pool, id)
		if !ok {
			return fmt.Sprintf("node %s has no member in pool %s", id, r.Pool)
		}
		if s.Member(m.ID).Condition == cluster.Down {
			return fmt.Sprintf("member %s is down", m.ID)
		}
	}
	return n.Troubles[r.Name]
}

// unknown tells what has to be known of a node before it is given a resource, and is not yet. It takes nothing from a holder: one that
// was started again a moment ago has not looked around yet.
func (ev Evidence) unknown(s cluster.State, r cluster.ResourceSpec, id cluster.NodeID) string {
	if _, known := ev.Nodes[id].Balancers[r.Balancer]; r.Balancer != "" && !known {
		return fmt.Sprintf("nothing is known of balancer %s on node %s", r.Balancer, id)
	}
	if r.Pool == "" {
		return ""
	}
	if m, ok := s.Spec.MemberOn(r.Pool, id); ok && s.Member(m.ID).Condition == cluster.Unknown {
		return fmt.Sprintf("nothing is known of member %s", m.ID)
	}
	return ""
}

func runs(spec cluster.Spec, balancer string, id cluster.NodeID) bool {
	return slices.ContainsFunc(spec.Balancers, func(b cluster.BalancerSpec) bool { return b.Name == balancer && slices.Contains(b.Nodes, id) })
}
