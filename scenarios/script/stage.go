// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Errors that a stage returns.
var (
	// ErrNotHere means that this world cannot do what the step asks for.
	ErrNotHere = errors.New("this world cannot do that")
	// ErrRefused means that an order was refused; the error's text has the product's words.
	ErrRefused = errors.New("refused")
)

// Stage is a world with a cluster in it that is well, in which a script is played.
type Stage interface {
	// Now is the time since the script began.
	Now() time.Duration
	// Pass lets time pass.
	Pass(ctx context.Context, d time.Duration) error
	// Fault does something to the world. It returns when it is done, not when the cluster has noticed; what lasts for a
	// time has begun by then, and ends by itself while later steps are played.
	Fault(ctx context.Context, f Fault) error
	// Order asks for something as an operator would, and returns when it is accepted, or refused (ErrRefused).
	Order(ctx context.Context, o Order) error
	// Look tells whether a condition holds, and what is seen, in a few words.
	Look(ctx context.Context, c Cond) (holds bool, seen string, err error)
	// Moments returns what has happened so far, in order.
	Moments(ctx context.Context) ([]Moment, error)
	// Grain is how long to let pass between two looks.
	Grain() time.Duration
}

// Moment is something that happened, for the timeline.
type Moment struct {
	At     time.Duration `json:"at_ns"`            // since the script began; may be below 0
	Lane   string        `json:"lane"`             // node, "lb1/haproxy", resource, "client", "cluster", "operator", "fault"
	Kind   string        `json:"kind"`             // as the product's events have it, or "fault", "order", "failed requests", "expect", "never"
	What   string        `json:"what"`             // in a few words
	Reason string        `json:"reason,omitempty"` // why
	Bad    bool          `json:"bad,omitempty"`    // something is lost or broken from here on
	Good   bool          `json:"good,omitempty"`   // it is right again
	// Subject is what the moment is about where its lane does not say it: on the lane of an HAProxy, the member.
	Subject string `json:"subject,omitempty"`
	// State is what the lane, or the subject on it, is from here on; empty changes nothing. Machines without Evenkeel have
	// no states, and where a stage tells none at all, no lane has: those are drawn by Bad and Good.
	State State `json:"state,omitempty"`
}

// State is what a lane of the timeline, or a subject on it, is from a moment on.
type State string

// The states, by the kind of lane that has them.
const (
	StateAlive     State = "alive" // nodes, as those others see them that have quorum; so they begin
	StateSuspect   State = "suspect"
	StateDown      State = "down"
	StateLeft      State = "left"
	StateNoQuorum  State = "no quorum" // nodes, in their own eyes; until they are alive again
	StateInStep    State = "in step"   // HAProxies; so they begin
	StateNotInStep State = "not in step"
	StateServes    State = "serves" // members on an HAProxy; so they begin
	StateDrained   State = "drained"
	StateOut       State = "out"
	StateNobody    State = "on nobody" // resources; so they begin. See also HeldBy
)

// heldBy is what the state of a resource begins with that a node holds.
const heldBy = "on "

// HeldBy is the state of a resource that a node holds.
func HeldBy(node string) State { return State(heldBy + node) }

// Holder returns who holds a resource in this state; nobody if it is no such state.
func (s State) Holder() (node string, held bool) {
	if s == StateNobody {
		return "", false
	}
	return strings.CutPrefix(string(s), heldBy)
}
