// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/quorum"
)

// sweep looks at all nodes, members and resources, once a beat. In between, a report is looked at only
// for what it says anew; what rests on the passing of time waits for the sweep.
func (m *Machine) sweep(now time.Time) []Action {
	if !m.leads || (!m.swept.IsZero() && now.Sub(m.swept) < m.p.Beat) {
		return nil
	}
	m.swept = now
	maps.DeleteFunc(m.proposed, func(_ wish, p pending) bool { return now.Sub(p.at) >= m.p.Retry })
	out := m.leadNodes(now)
	for i := range m.members {
		out = append(out, m.leadMember(now, i)...)
	}
	if m.planned.IsZero() || now.Sub(m.planned) >= planEvery {
		out = append(out, m.resources(now)...)
	}
	return out
}

// leadMembers looks at the members at the given places that wait for the log:
// agentless ones, and those of which it knows nothing yet. What else a node says
// of its own members is acted upon without it, so the record can wait for the
// sweep and leave the disks alone meanwhile.
func (m *Machine) leadMembers(now time.Time, places []int) []Action {
	var out []Action
	for _, i := range places {
		if mem := m.members[i]; mem.Agentless() || m.state.Member(mem.ID).Condition == cluster.Unknown {
			out = append(out, m.leadMember(now, i)...)
		}
	}
	return out
}

func (m *Machine) leadMember(now time.Time, i int) []Action {
	id := m.members[i].ID
	was := m.state.Member(id).Condition
	v, ok := m.memberVerdict(now, i)
	if !ok || v.Condition == was || len(m.proposed) >= judgesPending {
		return nil
	}
	return m.propose(wish{verb: "judge", member: id, to: v.Condition}, pending{at: now, member: id, from: was}, v)
}

// memberVerdict asks those who can know: the member's own node, or for an
// agentless member the balancer nodes that can speak, of whom a majority must agree.
func (m *Machine) memberVerdict(now time.Time, i int) (cluster.Judge, bool) {
	id, electors := m.members[i].ID, m.electors[i]
	if !m.members[i].Agentless() {
		rep, ok := m.speaker(now, electors[0])
		if !ok {
			return cluster.Judge{}, false
		}
		r, ok := opinion(rep, id)
		return cluster.Judge{Member: id, Condition: r.Condition, By: electors, Reason: r.Reason}, ok
	}
	var electorate []string
	var said []MemberReport // by place in electorate; Unknown = no opinion
	for _, node := range electors {
		if rep, ok := m.speaker(now, node); ok {
			r, _ := opinion(rep, id)
			electorate, said = append(electorate, string(node)), append(said, r)
		}
	}
	for _, c := range []cluster.Condition{cluster.Down, cluster.Up} {
		if j, ok := agree(id, c, electorate, said); ok {
			return j, true
		}
	}
	return cluster.Judge{}, false
}

// agree tells whether a majority of the electorate is of the opinion c.
func agree(id cluster.MemberID, c cluster.Condition, electorate []string, said []MemberReport) (cluster.Judge, bool) {
	var votes []quorum.Vote
	for i, r := range said {
		if r.Condition == cluster.Up || r.Condition == cluster.Down {
			votes = append(votes, quorum.Vote{Voter: electorate[i], Yes: r.Condition == c})
		}
	}
	res := quorum.Tally(votes, electorate)
	if res.Status != quorum.Won {
		return cluster.Judge{}, false
	}
	first := said[slices.Index(electorate, res.Yes[0])]
	return cluster.Judge{
		Member: id, Condition: c, By: cluster.NodeIDs(res.Yes),
		Reason: fmt.Sprintf("%s (%d of %d balancer nodes say %s: %s)", first.Reason, len(res.Yes), len(electorate), c, strings.Join(res.Yes, ", ")),
	}, true
}

// speaker returns the newest report of the node's admitted life, if it is heard.
func (m *Machine) speaker(now time.Time, id cluster.NodeID) (heard, bool) {
	n := m.state.Node(id)
	rep, ok := m.newest(life{id, n.Install})
	return rep, ok && n.Life == cluster.LifeAlive && rep.boot == n.Boot && m.fresh(now, rep)
}

// opinion finds what a report says about a member, if it is an opinion at all.
func opinion(rep heard, id cluster.MemberID) (MemberReport, bool) {
	i, ok := slices.BinarySearchFunc(rep.members, id, func(r MemberReport, id cluster.MemberID) int { return r.ID.Compare(id) })
	if !ok {
		return MemberReport{}, false
	}
	r := rep.members[i]
	return r, r.Condition == cluster.Up || r.Condition == cluster.Down
}
