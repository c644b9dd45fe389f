// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"cmp"
	"slices"
)

// catchUpEntries is how far a learner may be behind the commit index and still be promoted, in entries.
const catchUpEntries = 64

// Seat is an installation that should take part in the log, and the node that it runs on.
type Seat struct {
	ID   uint64
	Node string
	// Learner says that it receives the log and does not vote.
	Learner bool
}

// NextChange returns the next single step from the present members toward the wanted voters, or false when there is none or none
// is safe now. It is called again and again by the leader, and each call decides from the status alone.
//
// Order: learners that nobody wants go; missing installations come as learners; a learner that has caught up replaces the older
// installation of its node, which is removed first, and is promoted; voters that nobody wants go, the silent ones before the
// others and the leader itself last. No step is taken from or to a voter set of which less than a majority was heard recently, and
// an empty want changes nothing.
func NextChange(s Status, want []Seat) (Change, bool) {
	if !s.IsLeader || s.Pending || s.Failed != "" || s.Stalled || len(want) == 0 {
		return Change{}, false
	}
	p := planner{status: s, want: slices.SortedFunc(slices.Values(want), func(a, b Seat) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
	})}
	if !p.quorate(s.Members) {
		return Change{}, false
	}
	for _, step := range []func() (Change, bool){p.dropLearner, p.addLearner, p.promote, p.removeVoter} {
		if c, ok := step(); ok {
			return c, true
		}
	}
	return Change{}, false
}

type planner struct {
	status Status
	want   []Seat
}

func (p planner) wanted(id uint64) bool {
	return slices.ContainsFunc(p.want, func(v Seat) bool { return v.ID == id })
}

func (p planner) wantedVoter(id uint64) bool {
	return slices.ContainsFunc(p.want, func(v Seat) bool { return v.ID == id && !v.Learner })
}

func (p planner) member(id uint64) (Member, bool) {
	for _, m := range p.status.Members {
		if m.ID == id {
			return m, true
		}
	}
	return Member{}, false
}

// active says whether the member was heard recently; the leader hears itself.
func (p planner) active(id uint64) bool {
	return id == p.status.ID || slices.ContainsFunc(p.status.Peers, func(q Peer) bool { return q.ID == id && q.Active })
}

func (p planner) caughtUp(id uint64) bool {
	return slices.ContainsFunc(p.status.Peers, func(q Peer) bool {
		return q.ID == id && q.Active && !q.Restoring && q.Match > 0 && q.Match+catchUpEntries >= p.status.Commit
	})
}

// safe says whether a majority of the voters after the change was heard recently.
func (p planner) safe(c Change) bool {
	after, err := applyChange(p.status.Members, c)
	return err == nil && p.quorate(after)
}

func (p planner) quorate(members []Member) bool {
	voters, active := 0, 0
	for _, m := range members {
		if m.Role != RoleVoter {
			continue
		}
		voters++
		if p.active(m.ID) {
			active++
		}
	}
	return active > voters/2
}

func (p planner) dropLearner() (Change, bool) {
	for _, m := range p.status.Members {
		if m.Role == RoleLearner && !p.wanted(m.ID) {
			return Change{Kind: Remove, ID: m.ID, Node: m.Node}, true
		}
	}
	return Change{}, false
}

func (p planner) addLearner() (Change, bool) {
	for _, v := range p.want {
		c := Change{Kind: AddLearner, ID: v.ID, Node: v.Node}
		if _, ok := p.member(v.ID); !ok && p.safe(c) {
			return c, true
		}
	}
	return Change{}, false
}

func (p planner) promote() (Change, bool) {
	for _, v := range p.want {
		m, ok := p.member(v.ID)
		if !ok || v.Learner || m.Role != RoleLearner || !p.caughtUp(m.ID) {
			continue
		}
		if old, ok := p.older(m); ok {
			if c := (Change{Kind: Remove, ID: old.ID, Node: old.Node}); p.safe(c) {
				return c, true
			}
		}
		if c := (Change{Kind: Promote, ID: m.ID, Node: m.Node}); p.safe(c) {
			return c, true
		}
	}
	return Change{}, false
}

// older returns the voting installation that a learner of the same node replaces, unless it is the leader itself.
func (p planner) older(learner Member) (Member, bool) {
	for _, m := range p.status.Members {
		if m.Role == RoleVoter && m.Node == learner.Node && m.ID != p.status.ID && !p.wanted(m.ID) {
			return m, true
		}
	}
	return Member{}, false
}

func (p planner) removeVoter() (Change, bool) {
	var out []Member
	staying := false
	for _, m := range p.status.Members {
		switch {
		case m.Role != RoleVoter:
		case p.wantedVoter(m.ID):
			staying = true
		case !p.replaced(m):
			out = append(out, m)
		}
	}
	if !staying {
		return Change{}, false
	}
	rank := func(m Member) int {
		switch {
		case m.ID == p.status.ID:
			return 2
		case p.active(m.ID):
			return 1
		default:
			return 0
		}
	}
	slices.SortStableFunc(out, func(a, b Member) int { return cmp.Compare(rank(a), rank(b)) })
	for _, m := range out {
		if c := (Change{Kind: Remove, ID: m.ID, Node: m.Node}); p.safe(c) {
			return c, true
		}
	}
	return Change{}, false
}

// replaced says that a newer installation of the same node is a learner on its way in, so that the old one is left to it.
func (p planner) replaced(old Member) bool {
	return slices.ContainsFunc(p.status.Members, func(m Member) bool {
		return m.Role == RoleLearner && m.Node == old.Node && p.wantedVoter(m.ID)
	})
}
