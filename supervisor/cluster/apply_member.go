// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"fmt"
	"slices"
)

func (a *applier) setMember(b SetMember) string {
	m, ok := a.Spec.Member(b.Member)
	if !ok {
		return fmt.Sprintf("there is no member %s; see evenkeel status for the members there are", b.Member)
	}
	switch b.Admin {
	case AdminReady, AdminDrain, AdminMaint:
	default:
		return fmt.Sprintf("state %q: write ready, drain or maint", string(b.Admin))
	}
	if b.Deadline != 0 && (b.Deadline < minDeadline || b.Deadline > maxDeadline) {
		return fmt.Sprintf("deadline %s: write %s to %s, or leave it out", b.Deadline, minDeadline, maxDeadline)
	}
	was := a.inService()
	st := a.Member(m.ID)
	from := st.Admin
	st.Admin, st.AdminBy, st.AdminWhy, st.AdminAt = b.Admin, a.c.By, clip(b.Reason), a.c.At
	st.Deadline, st.Force = 0, false
	if b.Admin != AdminReady {
		st.Deadline, st.Force = b.Deadline, b.Force
	}
	a.Members[m.ID] = st
	if b.Admin != AdminReady && !b.Force {
		if why := a.breaksFloor(was); why != "" {
			return why
		}
	}
	a.event(Event{Kind: EventMemberAdmin, Subject: m.ID.String(), From: string(from), To: string(b.Admin), Reason: cmp.Or(st.AdminWhy, "asked by "+cmp.Or(a.c.By, "an operator"))})
	return ""
}

func (a *applier) judge(b Judge) string {
	m, ok := a.Spec.Member(b.Member)
	if !ok {
		return fmt.Sprintf("there is no member %s", b.Member)
	}
	switch b.Condition {
	case Up, Down, Unknown:
	default:
		return fmt.Sprintf("condition %q of member %s is none of up, down, unknown", string(b.Condition), b.Member)
	}
	if len(b.By) > MaxNodes {
		return fmt.Sprintf("member %s is judged by %d nodes, at most %d can be", b.Member, len(b.By), MaxNodes)
	}
	st := a.Member(m.ID)
	if st.Condition == b.Condition {
		return fmt.Sprintf("member %s is %s already", b.Member, b.Condition)
	}
	from := st.Condition
	st.Condition, st.Why, st.By, st.Since = b.Condition, clip(b.Reason), slices.Clone(b.By), a.c.At
	a.Members[m.ID] = st
	a.event(Event{Kind: EventMemberHealth, Subject: m.ID.String(), From: string(from), To: string(b.Condition), Reason: st.Why})
	return ""
}

// breaksFloor tells which pool the change would leave with fewer members in
// service than its drain floor; a pool that was under its floor before is not
// the change's fault unless it gets worse.
func (a *applier) breaksFloor(was map[string]int) string {
	is := a.inService()
	for _, p := range a.Spec.Pools {
		if floor := p.Drain.Least(); is[p.Name] < floor && is[p.Name] < was[p.Name] {
			return fmt.Sprintf("pool %s would have %s in service, its drain floor is %d; bring another member back first, or use --force", p.Name, Counted(is[p.Name], "member"), floor)
		}
	}
	return ""
}

// inService counts, by pool, the members that serve: those that get traffic, and
// healthy ones that must not be touched and whose node is not down. One of which nothing is known counts only
// as long as nothing is known of its whole pool: what is planned shall not rest on
// a member that never came.
func (s State) inService() map[string]int {
	out := map[string]int{}
	for _, p := range s.Spec.Pools {
		serving, unknown, known := 0, 0, false
		for _, m := range s.Spec.membersOf(p) {
			st := s.Member(m.ID)
			known = known || st.Condition != Unknown
			switch service := s.StandingOf(m, st).Service; {
			case service == Serve, service == Untouched && st.Condition == Up && st.Admin == AdminReady && s.Node(m.Node).Life != LifeDown:
				serving++
			case service == Untouched:
				unknown++
			}
		}
		out[p.Name] = serving
		if !known {
			out[p.Name] = unknown
		}
	}
	return out
}
