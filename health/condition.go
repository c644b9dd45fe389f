// SPDX-License-Identifier: Apache-2.0

package health

import (
	"errors"
	"fmt"
	"time"
)

// Condition is what a judge thinks of the application behind a check.
type Condition uint8

// The conditions.
const (
	// Unknown says that there were neither a success nor Fall failures yet.
	Unknown Condition = iota
	// Up says that the application does its work.
	Up
	// Down says that it does not, or that it is held down for flapping.
	Down
)

// String gives the word used in logs, pages and events.
func (c Condition) String() string {
	switch c {
	case Up:
		return "up"
	case Down:
		return "down"
	case Unknown:
		return "unknown"
	default:
		return fmt.Sprintf("condition(%d)", uint8(c))
	}
}

// Result is the outcome of one check.
type Result struct {
	// OK says that the check succeeded.
	OK bool
	// Hard marks a failure as proof, not as one opinion among several: the connection was refused right after an open
	// one was closed, the process is gone, the unit failed. Such a failure counts as Fall failures.
	Hard bool
	// Reason says in words what was seen.
	Reason string
}

// Change is one change of a judge's mind.
type Change struct {
	// From is the condition before.
	From Condition
	// To is the condition from now on. It equals From in one case only: a check that is down would have come up, and
	// is held down for flapping instead.
	To Condition
	// At is the reading of the caller's clock at the change.
	At time.Time
	// Reason says why in words.
	Reason string
}

// JudgeParams say how easily a Judge is convinced. The terms are those of HAProxy.
type JudgeParams struct {
	// Rise is how many successes in a row bring a check from down to up, at least 1.
	Rise int
	// Fall is how many failures in a row bring a check down, at least 1.
	Fall int
	// MaxFlips is how many changes between up and down are tolerated within FlipWindow. Zero means no limit.
	MaxFlips int
	// FlipWindow is the time over which changes are counted.
	FlipWindow time.Duration
	// HoldDown is how long a check stays down that changed more often than that.
	HoldDown time.Duration
}

// maxStreak bounds Rise and Fall: more than that is a mistake, not a wish.
const maxStreak = 1000

// maxFlips bounds MaxFlips, and with it the memory of a Judge.
const maxFlips = 1000

// Validate names everything that is wrong with the parameters.
func (p JudgeParams) Validate() error {
	var errs []error
	if p.Rise < 1 || p.Rise > maxStreak {
		errs = append(errs, fmt.Errorf("rise is %d: must be from 1 to %d", p.Rise, maxStreak))
	}
	if p.Fall < 1 || p.Fall > maxStreak {
		errs = append(errs, fmt.Errorf("fall is %d: must be from 1 to %d", p.Fall, maxStreak))
	}
	if p.MaxFlips < 0 || p.MaxFlips > maxFlips {
		errs = append(errs, fmt.Errorf("max flips is %d: must be from 0 (no limit) to %d", p.MaxFlips, maxFlips))
	}
	if p.MaxFlips > 0 && p.FlipWindow <= 0 {
		errs = append(errs, fmt.Errorf("flip window is %s: must be more than 0s when max flips is set", p.FlipWindow))
	}
	if p.MaxFlips > 0 && p.HoldDown <= 0 {
		errs = append(errs, fmt.Errorf("hold-down is %s: must be more than 0s when max flips is set", p.HoldDown))
	}

	return errors.Join(errs...)
}
