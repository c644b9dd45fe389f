// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"cmp"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// life names one installation of one node.
type life struct {
	node    cluster.NodeID
	install uint64
}

func (l life) compare(o life) int {
	return cmp.Or(cmp.Compare(l.node, o.node), cmp.Compare(l.install, o.install))
}

// heard is the newest report of an installation; its members are sorted.
type heard struct {
	life
	boot    uint64
	leaving bool
	members []MemberReport
	rights  Rights
	at      time.Time
	seqs    []uint64 // of its newest heartbeats, oldest first
}

// castVote is the last vote of a voter about a target.
type castVote struct {
	said VoteCast
	at   time.Time
	// early is the newest vote of a life that was not let in when it came. It has no voice; what it took back stays taken back
	// once the life is let in, and an older vote comes that was delayed.
	early VoteCast
}

const (
	// seqsKept is after how many newer heartbeats of its voter a vote is stale: it
	// waited in a queue and speaks about the past.
	seqsKept = 4
	// reportsKept is from how many reports on those are dropped that are too old to
	// matter. The rest is bounded by who can be heard at once.
	reportsKept = 2 * cluster.MaxNodes
)

// worth is what a heartbeat is good for.
type worth uint8

const (
	nothing      worth = iota // it came late, or is nonsense
	sameAsBefore              // its node lives, and says of its members what it said before
	news                      // it says something new about members, or about who may hold what
)

// report takes a heartbeat. What the bus delivers late says nothing: it is older
// than what we know.
func (m *Machine) report(now time.Time, r Report) worth {
	if len(r.Node) > cluster.MaxName || r.Install == 0 || r.Boot == 0 {
		return nothing
	}
	if r.Node == m.self && r.Install == m.install && r.Boot == m.boot {
		m.seq = r.Seq
	}
	at, found := m.place(life{r.Node, r.Install})
	if !found {
		m.reports = slices.Insert(m.reports, at, heard{})
	}
	h := &m.reports[at]
	known := found && m.fresh(now, *h)
	switch {
	case r.Boot == h.boot && r.Seq <= h.seqs[len(h.seqs)-1]:
		return nothing
	case r.Boot < h.boot && known:
		return nothing
	case r.Boot != h.boot:
		h.seqs = nil
		known = false
	}
	if !slices.IsSortedFunc(r.Members, byID) {
		r.Members = slices.SortedStableFunc(slices.Values(r.Members), byID)
	}
	same := known && h.leaving == r.Leaving && slices.Equal(h.members, r.Members) && h.rights.equal(r.Rights)
	seqs := append(h.seqs, r.Seq)
	*h = heard{
		life: life{r.Node, r.Install}, boot: r.Boot, leaving: r.Leaving, members: r.Members, rights: r.Rights,
		at: now, seqs: seqs[max(0, len(seqs)-seqsKept):],
	}
	if len(m.reports) > reportsKept {
		m.reports = slices.DeleteFunc(m.reports, func(h heard) bool { return !m.fresh(now, h) })
	}
	if same {
		return sameAsBefore
	}
	return news
}

func byID(a, b MemberReport) int { return a.ID.Compare(b.ID) }

// place finds where the report of a life stands, or belongs.
func (m *Machine) place(l life) (int, bool) {
	return slices.BinarySearchFunc(m.reports, l, func(h heard, l life) int { return h.compare(l) })
}

// newest returns the newest report of a life.
func (m *Machine) newest(l life) (heard, bool) {
	at, ok := m.place(l)
	if !ok {
		return heard{}, false
	}
	return m.reports[at], true
}

// installations returns the reports of all installations of a node, sorted.
func (m *Machine) installations(id cluster.NodeID) []heard {
	from, _ := m.place(life{node: id})
	to := from
	for to < len(m.reports) && m.reports[to].node == id {
		to++
	}
	return m.reports[from:to]
}

func (m *Machine) fresh(now time.Time, h heard) bool { return now.Sub(h.at) <= m.p.SuspectAfter }

// count takes a vote of an admitted life. One that overtook a newer one on its
// way does not undo it.
func (m *Machine) count(now time.Time, v VoteCast) {
	target := v.Vote.Target
	voter := m.state.Node(v.Voter)
	if _, ok := m.state.Spec.Node(target); !ok || v.Voter == target {
		return
	}
	if _, ok := m.state.Spec.Node(v.Voter); !ok {
		return
	}
	if m.votes[target] == nil {
		m.votes[target] = map[cluster.NodeID]castVote{}
	}
	c := m.votes[target][v.Voter]
	switch admitted := voter.Install == v.Install && voter.Boot == v.Boot; {
	case older(v, c.early), admitted && older(v, c.said):
		return
	case admitted:
		c.said, c.at = v, now
	default:
		c.early = v
	}
	m.votes[target][v.Voter] = c
}

// older tells whether the vote was cast before the other one of the same voter.
// Between two heartbeats a vote can be taken back, but not be cast anew.
func older(v, o VoteCast) bool {
	if v.Install != o.Install || v.Boot != o.Boot {
		return false
	}
	return v.Vote.Seq < o.Vote.Seq ||
		(v.Vote.Seq == o.Vote.Seq && v.Vote.Epoch == o.Vote.Epoch && v.Vote.Down && !o.Vote.Down)
}

// valid tells whether a vote speaks about this life of its target, is recent,
// and comes from an admitted life of its voter that did not end meanwhile.
func (m *Machine) valid(now time.Time, v castVote, target cluster.Node) bool {
	by, vote := v.said, v.said.Vote
	if vote.Epoch != target.Epoch || vote.Boot != target.Boot || vote.Install != target.Install {
		return false
	}
	voter := m.state.Node(by.Voter)
	if voter.Life != cluster.LifeAlive || voter.Install != by.Install || voter.Boot != by.Boot {
		return false
	}
	if now.Sub(v.at) > m.p.VoteTTL {
		return false
	}
	rep, ok := m.newest(life{by.Voter, by.Install})
	if !ok || rep.boot < by.Boot {
		return true
	}
	return rep.boot == by.Boot && (len(rep.seqs) < seqsKept || vote.Seq >= rep.seqs[0])
}
