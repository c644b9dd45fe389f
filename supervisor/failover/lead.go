// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/quorum"
)

// judgesPending is how many verdicts about members may be under way into the log
// at once. The rest waits for the next sweep; nodes never wait for members.
const judgesPending = 256

// wish names what a proposal asks for.
type wish struct {
	verb    string
	node    cluster.NodeID
	install uint64
	number  uint64 // of the boot or the epoch
	member  cluster.MemberID
	to      cluster.Condition

	resource string
}

// pending is a proposal under way, with what it is going to change.
type pending struct {
	at     time.Time
	node   cluster.NodeID
	epoch  uint64 // of the node when it was proposed
	member cluster.MemberID
	from   cluster.Condition // of the member when it was proposed

	resource string // whose epoch it is then
}

// settled tells whether what was to be changed has changed, by this proposal or
// another one.
func (p pending) settled(s cluster.State) bool {
	if p.resource != "" {
		r := s.Resource(p.resource)
		return r.Epoch != p.epoch || r.Leaving
	}
	if p.node != "" {
		return s.Node(p.node).Epoch != p.epoch
	}
	return s.Member(p.member).Condition != p.from
}

// propose asks for a command, and not again before it had time to take effect.
func (m *Machine) propose(w wish, p pending, b cluster.Body) []Action {
	if last, ok := m.proposed[w]; ok && p.at.Sub(last.at) < m.p.Retry {
		return nil
	}
	m.proposed[w] = p
	return []Action{Propose{b}}
}

// lead returns what the leader proposes now. Everybody else proposes nothing.
func (m *Machine) lead(now time.Time) []Action {
	m.swept, m.planned = time.Time{}, time.Time{}
	return m.sweep(now)
}

// leadNodes looks at every node.
func (m *Machine) leadNodes(now time.Time) []Action {
	if !m.leads {
		return nil
	}
	var out []Action
	for _, n := range m.state.Spec.Nodes {
		out = append(out, m.leadNode(now, n.Name)...)
	}
	return out
}

// leadHeard looks at a node that says what it said before.
func (m *Machine) leadHeard(now time.Time, r Report) []Action {
	out := m.strange(now, r)
	if _, ok := m.state.Spec.Node(r.Node); !ok {
		return out
	}
	return append(m.leadNode(now, r.Node), out...)
}

func (m *Machine) leadNode(now time.Time, id cluster.NodeID) []Action {
	n := m.state.Node(id)
	p := pending{at: now, node: id, epoch: n.Epoch}
	if rep, ok := m.arrival(now, id, n); ok {
		return m.propose(wish{verb: "admit", node: id, install: rep.install, number: rep.boot}, p, cluster.Admit{
			Node: id, Install: rep.install, Boot: rep.boot, Reason: arrivalReason(n, rep.install),
		})
	}
	if n.Life != cluster.LifeAlive {
		return nil
	}
	if rep, ok := m.newest(life{id, n.Install}); ok && rep.boot == n.Boot && rep.leaving && !m.holds(id) {
		return m.propose(wish{verb: "leave", node: id, number: n.Epoch}, p, cluster.Leave{Node: id, Epoch: n.Epoch})
	}
	if r := m.tally(now, id, n); r.Status == quorum.Won {
		return m.propose(wish{verb: "condemn", node: id, number: n.Epoch}, p, cluster.Condemn{
			Node: id, Epoch: n.Epoch, Votes: cluster.NodeIDs(r.Yes),
			Reason: fmt.Sprintf("not heard by %s (%d of %d voters, %d needed)", strings.Join(r.Yes, ", "), len(r.Yes), len(m.voters), r.Need),
		})
	}
	return nil
}

// arrival finds a life of the node that is heard and not admitted. While the
// admitted installation is heard too, another one of the same name stays out;
// and we must have had the time to hear it before we say that it is not.
func (m *Machine) arrival(now time.Time, id cluster.NodeID, n cluster.Node) (heard, bool) {
	if admitted, ok := m.newest(life{id, n.Install}); ok && m.fresh(now, admitted) {
		return admitted, admitted.boot > n.Boot && !admitted.leaving
	}
	if n.Life == cluster.LifeAlive && !m.known(now, id) {
		return heard{}, false
	}
	for _, rep := range m.installations(id) {
		if rep.install == n.Install || !m.fresh(now, rep) || rep.leaving || n.Replaced(rep.install, rep.boot) {
			continue
		}
		if _, taken := m.state.Holder(rep.install); !taken {
			return rep, true
		}
	}
	return heard{}, false
}

func arrivalReason(n cluster.Node, install uint64) string {
	switch {
	case n.Life == cluster.LifeUnknown:
		return "joined the cluster"
	case n.Install != install:
		return "joined with a new data directory"
	case n.Life == cluster.LifeDown:
		return "is heard again, in a new life"
	case n.Life == cluster.LifeLeft:
		return "was started again"
	}
	return "was restarted faster than its absence was noticed"
}

// tally counts the valid votes against the present life of a node.
func (m *Machine) tally(now time.Time, id cluster.NodeID, n cluster.Node) quorum.Result {
	cast := m.votes[id]
	if len(cast) == 0 {
		return quorum.Result{}
	}
	var votes []quorum.Vote
	for _, voter := range m.voters {
		if v, ok := cast[cluster.NodeID(voter)]; ok && v.said.Vote.Down && m.valid(now, v, n) {
			votes = append(votes, quorum.Vote{Voter: voter, Yes: true})
		}
	}
	if len(votes) < quorum.Majority(len(m.voters)) {
		return quorum.Result{} // which is what every tally is, nearly always
	}
	return quorum.Tally(votes, m.voters)
}

// explainEvery is after how long a lasting oddity is told again.
const explainEvery = time.Minute

// strange explains, where the node leads, why another that is heard is not let in.
func (m *Machine) strange(now time.Time, r Report) []Action {
	kind, why := m.oddity(now, r)
	if kind == "" {
		return nil
	}
	key := fmt.Sprint(kind, r.Node, r.Install)
	if last, ok := m.told[key]; ok && now.Sub(last) < explainEvery {
		return nil
	}
	maps.DeleteFunc(m.told, func(_ string, at time.Time) bool { return now.Sub(at) >= explainEvery })
	m.told[key] = now
	return []Action{Explain{kind, string(r.Node), why}}
}

// oddity tells what keeps a heard node out of the cluster, if anything does.
func (m *Machine) oddity(now time.Time, r Report) (kind, why string) {
	n := m.state.Node(r.Node)
	if _, ok := m.state.Spec.Node(r.Node); !ok {
		return KindStranger, "is heard and not in the cluster file; add it under nodes and apply the file"
	}
	if holder, ok := m.state.Holder(r.Install); ok && holder != r.Node {
		return KindTwin, fmt.Sprintf("runs from a copy of the data directory of node %s and stays out; remove that directory, or node %s from the cluster file", holder, holder)
	}
	if r.Install == n.Install && r.Boot < n.Boot {
		return KindTwin, fmt.Sprintf("is heard in life %d, older than its admitted life %d, and stays out; was its data directory restored from a backup? remove it, and the node joins anew", r.Boot, n.Boot)
	}
	if admitted, ok := m.newest(life{r.Node, n.Install}); r.Install != n.Install && ok && m.fresh(now, admitted) {
		return KindTwin, "is heard twice, from two installations; the one that was admitted stays, stop the other or give it a name of its own"
	}
	return "", ""
}
