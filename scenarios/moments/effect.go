// SPDX-License-Identifier: Apache-2.0

package moments

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
	kindHeld      = "node.suspicion-held"
	kindHeard     = "node.heard"
	kindHalted    = "node.halted"
	kindInStep    = "balancer.in-step"
	kindOutOfStep = "balancer.out-of-step"
)

// resourceKinds is what the kinds of events about resources begin with.
const resourceKinds = "resource."

// turn is whether an event makes something worse or better.
type turn uint8

const (
	neither turn = iota
	worse
	better
)

// effect tells how the lane of an event is from then on, and whether that is worse or better.
func (t *teller) effect(n cluster.Notice) (script.State, turn) {
	switch n.Kind {
	case cluster.EventCondemned:
		return script.StateDown, worse
	case cluster.EventGiven:
		if t.states[n.Subject] == script.StateNobody {
			return script.HeldBy(n.To), better
		}
		return script.HeldBy(n.To), neither
	case cluster.EventLetGo:
		return script.StateNobody, worse
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
		if !t.isNode(n.Subject) {
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
