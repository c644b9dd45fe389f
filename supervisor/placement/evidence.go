// SPDX-License-Identifier: Apache-2.0

package placement

import (
	"cmp"
	"fmt"
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

// unfit tells why a node cannot hold a resource here and now, although the log lets it; empty if it can.
func (ev Evidence) unfit(r cluster.ResourceSpec, id cluster.NodeID) string {
	n := ev.Nodes[id]
	if n.Leaving {
		return fmt.Sprintf("node %s is stopping", id)
	}
	if !n.Heard {
		return fmt.Sprintf("node %s is not heard", id)
	}
	if r.Balancer != "" {
		switch why, known := n.Balancers[r.Balancer]; {
		case !known:
			return fmt.Sprintf("nothing is known of balancer %s on node %s", r.Balancer, id)
		case why != "":
			return fmt.Sprintf("balancer %s on node %s is lost: %s", r.Balancer, id, why)
		}
	}
	return n.Troubles[r.Name]
}

// unwell tells why the node's own service keeps it from holding a resource; empty if nothing does.
func unwell(s cluster.State, r cluster.ResourceSpec, id cluster.NodeID) string {
	if r.Pool == "" {
		return ""
	}
	m, ok := s.Spec.MemberOn(r.Pool, id)
	if !ok {
		return fmt.Sprintf("node %s has no member in pool %s", id, r.Pool)
	}
	switch st := s.Member(m.ID); st.Condition {
	case cluster.Up:
		return ""
	case cluster.Down:
		return fmt.Sprintf("member %s is down", m.ID)
	case cluster.Unknown:
	}
	return fmt.Sprintf("nothing is known of member %s", m.ID)
}

// Unfit tells why a node cannot hold a resource now; empty if it can.
func Unfit(s cluster.State, ev Evidence, r cluster.ResourceSpec, id cluster.NodeID) string {
	if why := s.Unfit(r.Name, id); why != "" {
		return why
	}
	return passing(s, ev, r, id)
}

// passing tells why a node cannot hold a resource here and now, although the log lets it; empty if it can.
func passing(s cluster.State, ev Evidence, r cluster.ResourceSpec, id cluster.NodeID) string {
	return cmp.Or(ev.unfit(r, id), unwell(s, r, id))
}
