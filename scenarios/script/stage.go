// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"errors"
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
	// Fault does something to the world. It returns when it is done, not when the cluster has noticed.
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
	At     time.Duration // since the script began; may be below 0
	Lane   string        // node, "web1/haproxy", "client", "cluster", "operator", "fault"
	Kind   string        // as the product's events have it, or "fault", "order", "failed requests", "expect", "never"
	What   string        // in a few words
	Reason string
	Bad    bool // something is lost or broken from here on
	Good   bool // it is right again
}
