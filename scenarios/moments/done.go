// SPDX-License-Identifier: Apache-2.0

package moments

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// OfFault returns the moment of a fault that began at a time.
func OfFault(at time.Duration, f script.Fault) script.Moment {
	mends := slices.Contains([]script.FaultKind{
		script.Start, script.StartAll, script.Heal, script.StartApp, script.StartProxy, script.MendDisk, script.DelByHand,
	}, f.Kind)
	return script.Moment{At: at, Lane: script.LaneFault, Kind: script.KindFault, What: f.String(), Bad: !mends, Good: mends}
}

// OfResumed returns the moment at which a pause ended; err is why what was paused does not go on.
func OfResumed(at time.Duration, who string, err error) script.Moment {
	m := script.Moment{At: at, Lane: script.LaneFault, Kind: script.KindFault, What: who + " goes on", Good: true}
	if err != nil {
		m.What, m.Reason, m.Good, m.Bad = who+" does not go on", err.Error(), false, true
	}
	return m
}

// GuardOf names the guard of a machine.
func GuardOf(machine string) string { return machine + "/guard" }

// OfReplaced returns the moment at which the supervisor put another process in the place of one that stood still.
func OfReplaced(at time.Duration, who string) script.Moment {
	return script.Moment{At: at, Lane: script.LaneFault, Kind: script.KindFault, What: who + " is replaced", Good: true}
}

// OfOrder returns the moment of an order that was given to a node at a time, with how it was answered.
func OfOrder(at time.Duration, node string, o script.Order, answer error) script.Moment {
	o.At, o.Refused = node, false
	m := script.Moment{At: at, Lane: script.LaneOperator, Kind: script.KindOrder, What: o.String()}
	if answer != nil {
		m.Reason = answer.Error()
	}
	return m
}
