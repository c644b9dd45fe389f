// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"strconv"
	"time"
)

// Phase is where a server is in its life as the machine sees it.
type Phase uint8

// The phases. A planned round trip is ready, draining, drained, warming, ramping, ready.
const (
	// PhaseReady is in service with its full weight.
	PhaseReady Phase = iota + 1
	// PhaseDraining takes nothing new; sessions in progress finish.
	PhaseDraining
	// PhaseDrained is in maintenance after a planned drain.
	PhaseDrained
	// PhaseWarming is coming back, waiting for the balancer's own check.
	PhaseWarming
	// PhaseRamping is in service with a rising weight.
	PhaseRamping
	// PhaseHeld should leave but is kept in service by the drain floor.
	PhaseHeld
	// PhaseOut is in maintenance at once, being dead or told so.
	PhaseOut
	// PhaseLeft is not touched by us.
	PhaseLeft
	// PhaseMissing is not known to the balancer.
	PhaseMissing
)

// String returns the phase's word in logs, reports and goldens.
func (p Phase) String() string {
	words := [...]string{
		PhaseReady: "ready", PhaseDraining: "draining", PhaseDrained: "drained", PhaseWarming: "warming",
		PhaseRamping: "ramping", PhaseHeld: "held", PhaseOut: "out", PhaseLeft: "left", PhaseMissing: "missing",
	}
	if int(p) < len(words) && words[p] != "" {
		return words[p]
	}
	return "phase(" + strconv.Itoa(int(p)) + ")"
}

// ServerPhase reports on one server.
type ServerPhase struct {
	Key    Key
	Phase  Phase
	Since  time.Time
	Reason string
	// Sessions counts what is in progress or waiting, as last observed.
	Sessions int64
	// Deadline is when a planned drain stops waiting, zero when it waits for ever or there is none.
	Deadline time.Time
}

// Hold says that the drain floor keeps a server in service against its want.
type Hold struct {
	Key    Key
	Reason string
}

// Plan is what a step decided.
type Plan struct {
	// Ops is what to tell the balancer, in the order in which it must be told.
	Ops []Op
	// Phases reports on every wanted server, sorted by key.
	Phases []ServerPhase
	// Held lists the servers kept in service by a drain floor, sorted by key.
	Held []Hold
	// Wake is when to step again at the latest.
	Wake time.Time
	// InStep is set when the balancer shows all that is wanted of it now. Servers held by a drain floor, and drains in
	// progress, are in step; servers that do not exist or are written by somebody else are not.
	InStep bool
	// Drift counts the changes by somebody else that this step found on servers of ours.
	Drift int
}
