// SPDX-License-Identifier: Apache-2.0

package converge

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Health is the newest word of a member's own node about it.
type Health struct {
	Condition cluster.Condition
	Reason    string
	Since     int64 // unix milliseconds
}

// Evidence is what the node knows beyond the log.
type Evidence struct {
	Install, Boot uint64                      // this node's own life
	NoAuthority   string                      // why the node may change nothing; empty = it may
	Suspect       map[cluster.NodeID]string   // nodes suspected, with the reason
	Leaving       map[cluster.NodeID]bool     // nodes that said they are about to stop
	Health        map[cluster.MemberID]Health // of members whose admitted node was heard lately
}

// Server is what one balancer should do with one server.
type Server struct {
	Member    cluster.MemberID
	Backend   string
	Name      string
	Weight    int // 0 = the balancer's own
	SlowStart cluster.Duration
	Rank      int // when the drain floor keeps members, those with the lowest rank are kept first
	cluster.Standing
}

// Ranks of servers, best first. Who was taken out by an operator comes last: the
// drain floor is there against checks that err, not against people.
const (
	RankHealthy = iota
	RankUnknown
	RankSuspect
	RankDown
	RankAsked
)

// Duty is what this node owes one balancer.
type Duty struct {
	Balancer cluster.BalancerSpec
	Frozen   string // why nothing may be changed; empty = go ahead
	Servers  []Server
	Floors   map[string]int // drain floor by backend
}

// Duties returns what the node owes to each balancer that it runs.
func Duties(self cluster.NodeID, s cluster.State, ev Evidence) []Duty {
	frozen := frozen(self, s, ev)
	members := s.Spec.Members()
	var out []Duty
	for _, b := range s.Spec.BalancersOf(self) {
		d := Duty{Balancer: b, Frozen: frozen, Floors: map[string]int{}}
		for _, p := range s.Spec.Pools {
			if p.On(b.Name) {
				d.Floors[p.BackendName()] = p.Drain.Least()
			}
		}
		for _, m := range members {
			if m.Pool.On(b.Name) {
				d.Servers = append(d.Servers, server(s, ev, m))
			}
		}
		out = append(out, d)
	}
	return out
}

// frozen tells why the node may change nothing. A node acts only in a life that
// it has read in the log: then it has also read everything committed before.
func frozen(self cluster.NodeID, s cluster.State, ev Evidence) string {
	me := s.Node(self)
	switch {
	case ev.NoAuthority != "":
		return ev.NoAuthority
	case me.Install != ev.Install || me.Boot != ev.Boot || me.Life != cluster.LifeAlive:
		return fmt.Sprintf("node %s is not admitted yet in its present life", self)
	case me.Mode == cluster.ModeMaintenance:
		return fmt.Sprintf("node %s is in maintenance: its balancers are not touched", self)
	}
	return ""
}

func server(s cluster.State, ev Evidence, m cluster.Member) Server {
	st := Standing(s, ev, m)
	return Server{
		Member: m.ID, Backend: m.Pool.BackendName(), Name: m.ID.Member,
		Weight: m.Weight, SlowStart: m.Pool.SlowStart, Rank: rank(s, ev, m, st.Service), Standing: st,
	}
}

func rank(s cluster.State, ev Evidence, m cluster.Member, service cluster.Service) int {
	_, suspect := ev.Suspect[m.Node]
	standby := !m.Agentless() && s.Node(m.Node).Mode == cluster.ModeStandby
	switch asked := standby || s.Member(m.ID).Admin != cluster.AdminReady; {
	case service == cluster.Out && asked:
		return RankAsked
	case service == cluster.Out:
		return RankDown
	case service == cluster.Untouched:
		return RankUnknown
	case suspect:
		return RankSuspect
	}
	return RankHealthy
}

// health returns what the member's own node says about it, if it can tell.
func (ev Evidence) health(m cluster.Member) (Health, bool) {
	h, ok := ev.Health[m.ID]
	return h, ok && !m.Agentless() && (h.Condition == cluster.Up || h.Condition == cluster.Down)
}

// Standing is the committed standing of the member, seen through the evidence.
// A suspect node's word is old: it does not bring back what the log knows as down.
func Standing(s cluster.State, ev Evidence, m cluster.Member) cluster.Standing {
	state := s.Member(m.ID)
	why, suspect := ev.Suspect[m.Node]
	old := suspect && state.Condition == cluster.Down
	if h, ok := ev.health(m); ok && !old && h.Condition != state.Condition {
		state.Condition, state.Why, state.Since = h.Condition, h.Reason, h.Since
	}
	st := s.StandingOf(m, state)
	if m.Agentless() || st.Service != cluster.Serve {
		return st
	}
	if suspect {
		return cluster.Standing{Service: cluster.Suspend, Reason: fmt.Sprintf("node %s is suspect: %s", m.Node, why)}
	}
	if ev.Leaving[m.Node] {
		return cluster.Standing{Service: cluster.Drain, Reason: fmt.Sprintf("node %s is stopping", m.Node), Deadline: m.Pool.Drain.Deadline}
	}
	return st
}
