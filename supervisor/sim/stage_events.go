// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// The kinds of events that nodes notice by themselves, as far as they say how something is from then on.
const (
	kindLeader    = "cluster.leader"
	kindQuorum    = "node.quorum"
	kindSuspect   = "node.suspect"
	kindHeard     = "node.heard"
	kindHalted    = "node.halted"
	kindInStep    = "balancer.in-step"
	kindOutOfStep = "balancer.out-of-step"
)

// turn is whether an event makes something worse or better.
type turn uint8

const (
	neither turn = iota
	worse
	better
)

// moment returns the moment of an event. What is said about a node is on that node's lane, whoever says it; what is said about
// a member, on the lane of its machine; about a balancer, on that of its HAProxy.
func (s *Stage) moment(e entry) script.Moment {
	n := e.notice
	m := script.Moment{At: max(0, e.at-s.start), Lane: s.laneOf(n), Kind: n.Kind, What: n.Subject, Reason: n.Reason}
	if n.To != "" {
		m.What = strings.TrimPrefix(n.Subject+": "+n.From+" → "+n.To, ": ")
		if n.From == "" {
			m.What = n.Subject + ": " + n.To
		}
	}
	if who := string(n.Node); who != "" && who != n.Subject && m.Lane != who && m.Lane != script.LaneCluster {
		m.What += ", says " + who
	}
	state, turned := s.effect(n)
	m.State, m.Bad, m.Good = state, turned == worse, turned == better
	return m
}

func (s *Stage) laneOf(n cluster.Notice) string {
	switch {
	case n.Kind == kindInStep || n.Kind == kindOutOfStep:
		return proxyLane(string(n.Node))
	case n.Kind == kindLeader && s.isNode(n.Subject), n.Kind == cluster.EventSpec:
		return script.LaneCluster
	case s.isNode(n.Subject):
		return n.Subject
	case n.Node != "":
		return string(n.Node)
	case memberMachine(n.Subject) != "":
		return memberMachine(n.Subject)
	}
	return script.LaneCluster
}

// effect tells how the lane of an event is from then on, and whether that is worse or better.
func (s *Stage) effect(n cluster.Notice) (script.State, turn) {
	switch n.Kind {
	case cluster.EventCondemned:
		return script.StateDown, worse
	case cluster.EventLeft:
		return script.StateLeft, neither
	case cluster.EventAdmitted, kindHeard:
		return script.StateAlive, better
	case kindSuspect:
		return script.StateSuspect, worse
	case kindQuorum:
		// The event has no other field that would tell one from the other.
		if strings.HasSuffix(n.Reason, "again") {
			return script.StateAlive, better
		}
		return script.StateNoQuorum, worse
	case kindOutOfStep:
		return script.StateNotInStep, worse
	case kindInStep:
		return script.StateInStep, better
	case kindHalted:
		return "", worse
	case kindLeader:
		if !s.isNode(n.Subject) {
			return "", worse
		}
	case cluster.EventMemberHealth:
		switch n.To {
		case string(cluster.Down):
			return "", worse
		case string(cluster.Up):
			return "", better
		}
	}
	return "", neither
}
