// SPDX-License-Identifier: Apache-2.0

package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Decision is what should be decided about a resource.
type Decision struct {
	Resource string
	Epoch    uint64         // of the resource as it is
	To       cluster.NodeID // who should get it, if anybody
	Takes    bool           // it is taken from its holder first
	Why      string
	Body     cluster.Body // the command
}

// Plan returns what should be decided now, in the order of the cluster file.
func Plan(s cluster.State, ev Evidence) []Decision {
	p := planner{s, ev, Holds(s)}
	var out []Decision
	for _, r := range s.Spec.Resources {
		if d := p.one(r); d.Body != nil {
			d.Resource, d.Epoch = r.Name, s.Resource(r.Name).Epoch
			out = append(out, d)
		}
	}
	return out
}

// Heir returns the node that would get a resource if its holder did not have it, with what Holds counts; empty if none can hold it.
func Heir(s cluster.State, ev Evidence, holds map[cluster.NodeID]int, r cluster.ResourceSpec) cluster.NodeID {
	return planner{s, ev, holds}.best(r, s.Resource(r.Name).Holder)
}

// Holds counts the resources that each node holds.
func Holds(s cluster.State) map[cluster.NodeID]int {
	holds := map[cluster.NodeID]int{}
	for _, r := range s.Spec.Resources {
		if st := s.Resource(r.Name); st.Holder != "" && !s.Over(st) {
			holds[st.Holder]++
		}
	}
	return holds
}

// planner is one Plan under way.
type planner struct {
	s     cluster.State
	ev    Evidence
	holds map[cluster.NodeID]int // how many resources each node holds, what was just planned included
}

func (p planner) one(r cluster.ResourceSpec) Decision {
	st := p.s.Resource(r.Name)
	switch {
	case st.Holder == "":
		return p.give(r, st, "")
	case p.s.Over(st):
		if !p.proven(r, st) {
			return Decision{}
		}
		return p.give(r, st, p.lost(r, st))
	case st.Leaving:
		return Decision{}
	}
	return p.moveAway(r, st)
}

// give hands a resource that nobody holds any more to the best node.
func (p planner) give(r cluster.ResourceSpec, st cluster.Resource, why string) Decision {
	best := p.best(r, "")
	if best == "" {
		return Decision{}
	}
	p.holds[best]++
	if why == "" {
		why = "nobody held it"
	}
	why = fmt.Sprintf("%s; node %s %s", why, best, p.praise(r, best))
	return Decision{To: best, Why: why, Body: cluster.Give{
		Resource: r.Name, Epoch: st.Epoch, Node: best, Life: p.s.Node(best).Epoch, Lapsed: p.ev.Lapsed[st.Life], Reason: why,
	}}
}

// proven tells whether the proof that the resource requires of a lost holder is complete. The log counts again.
func (p planner) proven(r cluster.ResourceSpec, st cluster.Resource) bool {
	switch r.Proof() {
	case cluster.ProofQuorum:
		return true
	case cluster.ProofFencing:
		return false
	case cluster.ProofLease:
	}
	return p.s.Spec.Against(st.Holder, p.ev.Lapsed[st.Life]) > len(p.s.Spec.Voters())/2
}

// lost words why a holder is taken for lost.
func (p planner) lost(r cluster.ResourceSpec, st cluster.Resource) string {
	n := p.s.Node(st.Holder)
	why := fmt.Sprintf("node %s is %s", st.Holder, n.Life)
	if n.Life == cluster.LifeAlive {
		why = fmt.Sprintf("node %s began another life", st.Holder)
	}
	if r.Proof() == cluster.ProofQuorum {
		return why
	}
	return fmt.Sprintf("%s, and its right has run out (%s)", why, strings.Join(cluster.Names(p.ev.Lapsed[st.Life]), ", "))
}

// moveAway takes a resource from a holder that should not have it any more.
func (p planner) moveAway(r cluster.ResourceSpec, st cluster.Resource) Decision {
	recall := func(to cluster.NodeID, why string) Decision {
		if to != "" {
			p.holds[to]++
		}
		return Decision{To: to, Takes: true, Why: why, Body: cluster.Recall{Resource: r.Name, Epoch: st.Epoch, To: to, Reason: why}}
	}
	if p.s.Node(st.Holder).Mode == cluster.ModeMaintenance {
		return Decision{}
	}
	best := p.best(r, "")
	if why := p.s.Unfit(r.Name, st.Holder); why != "" {
		return recall(best, why)
	}
	if why := p.ev.ails(p.s, r, st.Holder); why != "" {
		n := p.ev.Nodes[st.Holder]
		if !n.Leaving && (best == "" || !n.Heard) {
			return Decision{} // nobody is better, or the holder may be lost, and could not be asked
		}
		return recall(best, why)
	}
	if why := p.homeward(r, st, best); why != "" {
		return recall(best, why)
	}
	return Decision{}
}

// homeward tells why a resource goes back to a better node; empty if it stays.
func (p planner) homeward(r cluster.ResourceSpec, st cluster.Resource, best cluster.NodeID) string {
	if best == "" || best == st.Holder || rank(r, best) >= rank(r, st.Holder) {
		return ""
	}
	if r.Failback == cluster.FailbackWhenIdle {
		if p.ev.Nodes[st.Holder].Idle[r.Name] {
			return fmt.Sprintf("node %s is preferred, and nobody uses it on node %s", best, st.Holder)
		}
		return ""
	}
	after, timed := r.FailbackAfter()
	switch fit := p.ev.Nodes[best].FitFor[r.Name]; {
	case timed && after == 0:
		return fmt.Sprintf("node %s is preferred, and can hold it again", best)
	case timed && fit >= after:
		return fmt.Sprintf("node %s is preferred, and could hold it for %s", best, cluster.Duration(after))
	}
	return ""
}

// best returns the node that should get the resource, but for one that is left out; empty if none can hold it.
func (p planner) best(r cluster.ResourceSpec, out cluster.NodeID) cluster.NodeID {
	var best cluster.NodeID
	for _, id := range p.s.Spec.Eligible(r) {
		if id == out || Unfit(p.s, p.ev, r, id) != "" {
			continue
		}
		if best == "" || rank(r, id) < rank(r, best) || rank(r, id) == rank(r, best) && p.holds[id] < p.holds[best] {
			best = id
		}
	}
	return best
}

// rank is the place of a node among the preferred ones; the others come after them, all alike.
func rank(r cluster.ResourceSpec, id cluster.NodeID) int {
	if i := slices.Index(r.Prefer, id); i >= 0 {
		return i
	}
	return len(r.Prefer)
}

// praise says why a node is the best.
func (p planner) praise(r cluster.ResourceSpec, id cluster.NodeID) string {
	if slices.Contains(r.Prefer, id) {
		return "is the most preferred one that can hold it"
	}
	return "can hold it, and holds no more than others"
}
