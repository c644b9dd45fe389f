// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"fmt"
)

// Service is what a balancer should do with a member.
type Service string

// What a balancer should do with a member.
const (
	Serve     Service = "serve"     // send it traffic
	Drain     Service = "drain"     // planned: no new sessions, then maint when idle
	Suspend   Service = "suspend"   // suspicion: no new sessions, undone at once when it proves false
	Out       Service = "out"       // it cannot serve, or must not: maint now
	Untouched Service = "untouched" // nothing is known, or we must not touch it: change nothing
)

// Standing is what the committed state says about a member, and why.
type Standing struct {
	Service  Service  `json:"service"`
	Reason   string   `json:"reason"`
	Since    int64    `json:"since,omitempty"` // unix milliseconds, 0 = not known
	Deadline Duration `json:"deadline,omitempty"`
	Force    bool     `json:"force,omitempty"` // the operator lets the member go though the drain floor would keep it
}

// Standing tells what the committed state alone wants for the member. What
// speaks against service goes before what speaks for it, and "touch nothing"
// before everything.
func (s State) Standing(m Member) Standing { return s.StandingOf(m, s.Member(m.ID)) }

// StandingOf is Standing with another state of the member than the committed
// one: the one that its own node already tells.
func (s State) StandingOf(m Member, st MemberState) Standing {
	r, ok := s.nodeStanding(m, st)
	if !ok {
		r = s.memberStanding(m, st)
	}
	if r.Service == Drain || r.Service == Out {
		r.Force = s.forced(m, st)
	}
	return r
}

// forced tells whether the operator who takes the member out overrides the
// drain floor. It holds on when the member goes down meanwhile: otherwise the
// floor would bring back what was taken out for its upgrade.
func (s State) forced(m Member, st MemberState) bool {
	if st.Admin != AdminReady && st.Force {
		return true
	}
	n := s.Node(m.Node)
	return !m.Agentless() && n.Mode == ModeStandby && n.ModeForce
}

// nodeStanding tells what the member's node says about it, if that settles it.
func (s State) nodeStanding(m Member, st MemberState) (Standing, bool) {
	if m.Agentless() {
		return Standing{}, false
	}
	n := s.Node(m.Node)
	switch {
	case n.Mode == ModeMaintenance:
		return Standing{Service: Untouched, Reason: because(fmt.Sprintf("node %s is in maintenance, asked by %s: nothing is touched", m.Node, cmp.Or(n.ModeBy, "an operator")), n.ModeWhy), Since: n.ModeAt}, true
	case n.Life == LifeDown:
		return Standing{Service: Out, Reason: because(fmt.Sprintf("node %s is down", m.Node), n.Reason), Since: n.Since}, true
	case n.Life == LifeUnknown && st.Admin == AdminReady:
		return Standing{Service: Untouched, Reason: fmt.Sprintf("node %s has not joined yet", m.Node)}, true
	case n.Life == LifeLeft && st.Admin == AdminReady && st.Condition != Down:
		return Standing{Service: Drain, Reason: because(fmt.Sprintf("node %s has left", m.Node), n.Reason), Since: n.Since, Deadline: m.Pool.Drain.Deadline}, true
	}
	return Standing{}, false
}

// memberStanding tells what the operator and the checks say about the member.
func (s State) memberStanding(m Member, st MemberState) Standing {
	n := s.Node(m.Node)
	switch by := cmp.Or(st.AdminBy, "an operator"); {
	case st.Admin == AdminMaint:
		return Standing{Service: Out, Reason: because("maint asked by "+by, st.AdminWhy), Since: st.AdminAt}
	case st.Condition == Down:
		return Standing{Service: Out, Reason: cmp.Or(st.Why, "its check fails"), Since: st.Since}
	case st.Admin == AdminDrain:
		return Standing{Service: Drain, Reason: because("drain asked by "+by, st.AdminWhy), Since: st.AdminAt, Deadline: deadline(st, m)}
	case !m.Agentless() && n.Mode == ModeStandby:
		return Standing{Service: Drain, Reason: because(fmt.Sprintf("node %s is in standby, asked by %s", m.Node, cmp.Or(n.ModeBy, "an operator")), n.ModeWhy), Since: n.ModeAt, Deadline: m.Pool.Drain.Deadline}
	case st.Condition == Up:
		return Standing{Service: Serve, Reason: cmp.Or(st.Why, "its check passes"), Since: st.Since}
	}
	return Standing{Service: Untouched, Reason: "not probed yet"}
}

func deadline(st MemberState, m Member) Duration {
	if st.Deadline > 0 {
		return st.Deadline
	}
	return m.Pool.Drain.Deadline
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}
