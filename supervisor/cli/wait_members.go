// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// phase is a phase of a server, in the words of the package lbsync.
type phase string

// The phases that waits and tables tell apart.
const (
	phaseReady   phase = "ready"
	phaseDrained phase = "drained"
	phaseOut     phase = "out"
	phaseHeld    phase = "held"
	phaseLeft    phase = "left"
	phaseMissing phase = "missing"
)

// stuck tells that the balancer does not do, or cannot do, what was asked.
func (p phase) stuck() bool { return p == phaseHeld || p == phaseMissing || p == phaseLeft }

// tell says what is going on with the server.
func (p phase) tell(s cluster.ServerView) string {
	text := string(p)
	switch p {
	case phaseHeld:
		text = "keeps it in service: the drain floor"
	case phaseMissing:
		text = "does not know the server"
	case phaseLeft:
		text = "is told not to touch it"
	case phaseReady, phaseDrained, phaseOut:
	default:
		text += ", " + count(s.Sessions, "session")
	}
	if s.Reason != "" && p.stuck() {
		text += ": " + s.Reason
	}
	return text
}

// memberErrand is something that balancers have to get done with members. It is
// done when every balancer that carries a member says so, is in step, and this
// node knows it from a quorum.
type memberErrand struct {
	spec    cluster.Spec
	verb    string // what was asked, such as drain
	done    []phase
	members []cluster.MemberID
	only    cluster.Admin           // members that were asked for something else are not waited for; empty = all are
	empties cluster.NodeID          // the resources on this node are to go elsewhere too; empty = they are not waited for
	stands  func(cluster.View) bool // whether what was asked is still asked
	stood   bool                    // it was asked in a view already
}

// carriers returns the balancers that carry the pool, on each of their nodes.
func carriers(spec cluster.Spec, pool string) []cluster.BalancerView {
	p, _ := spec.Pool(pool)
	var out []cluster.BalancerView
	for _, b := range spec.Balancers {
		if p.On(b.Name) {
			for _, n := range b.Nodes {
				out = append(out, cluster.BalancerView{Name: b.Name, Node: n})
			}
		}
	}
	return out
}

// look judges a view. One that does not know yet what was asked says nothing.
func (e *memberErrand) look(view cluster.View) look {
	switch {
	case e.stands(view):
		e.stood = true
	case e.stood:
		return superseded(e.verb)
	default:
		return look{}
	}
	missing, where := e.missing(view)
	if len(missing) > 0 {
		return look{goesYet, strings.Join(missing, "; ")}
	}
	return look{isDone, " on " + orWords(strings.Join(where, ", "), "no balancer: none carries it")}
}

// missing tells what has yet to be done, and names the balancers that have to do it.
func (e *memberErrand) missing(view cluster.View) (missing, where []string) {
	if why := unfounded(view); why != "" {
		missing = append(missing, why)
	}
	for _, id := range e.members {
		if m, ok := memberOf(view, id); ok && e.only != "" && m.Admin != e.only {
			continue
		}
		for _, c := range carriers(e.spec, id.Pool) {
			at := place(c.Name, c.Node)
			if !slices.Contains(where, at) {
				where = append(where, at)
			}
			if why := e.missingAt(view, id, c); why != "" {
				if len(e.members) > 1 {
					at = id.String() + " on " + at
				}
				missing = append(missing, at+" "+why)
			}
		}
	}
	for _, r := range view.Resources {
		if e.empties != "" && r.Holder == e.empties {
			missing = append(missing, "resource "+r.Name+": "+standing(r))
		}
	}
	return missing, where
}

// missingAt tells what the balancer has yet to do for the member.
func (e *memberErrand) missingAt(view cluster.View, id cluster.MemberID, c cluster.BalancerView) string {
	i := slices.IndexFunc(view.Balancers, func(b cluster.BalancerView) bool { return b.Name == c.Name && b.Node == c.Node })
	if i < 0 {
		return "is not heard of"
	}
	if b := view.Balancers[i]; !b.InStep {
		return "is not in step: " + orWords(b.Reason, "no reason was given")
	}
	server, ok := serverOf(view, id, c)
	if !ok {
		return "says nothing about it yet"
	}
	if slices.Contains(e.done, phase(server.Phase)) {
		return ""
	}
	return phase(server.Phase).tell(server)
}

func serverOf(view cluster.View, id cluster.MemberID, c cluster.BalancerView) (cluster.ServerView, bool) {
	m, ok := memberOf(view, id)
	if !ok {
		return cluster.ServerView{}, false
	}
	i := slices.IndexFunc(m.Servers, func(s cluster.ServerView) bool { return s.Balancer == c.Name && s.Node == c.Node })
	if i < 0 {
		return cluster.ServerView{}, false
	}
	return m.Servers[i], true
}

func memberOf(view cluster.View, id cluster.MemberID) (cluster.MemberView, bool) {
	for _, p := range view.Pools {
		for _, m := range p.Members {
			if p.Name == id.Pool && m.Name == id.Member {
				return m, true
			}
		}
	}
	return cluster.MemberView{}, false
}
