// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"time"
)

// Judge tells from the results of one check whether the application behind it is up. It belongs to one goroutine.
//
// The first success after the start brings a check up at once, because nobody should wait for an application that
// answers; the first failure does not bring it down, because Fall was asked for. A success never outweighs a hold-down.
type Judge struct {
	params JudgeParams
	clock  progress

	condition Condition
	reason    string
	since     time.Time

	successes, failures int             // in a row; one of them is zero
	flips               []time.Duration // progress at the latest changes between up and down, oldest first
	held                bool
	until               time.Duration // progress at the end of the hold-down
}

// NewJudge makes a judge that has seen nothing yet. It panics if the parameters do not pass Validate.
func NewJudge(p JudgeParams) *Judge {
	if err := p.Validate(); err != nil {
		panic(fmt.Sprintf("health: judge: %v", err))
	}

	return &Judge{params: p, reason: "no result yet"}
}

// State is the present condition, why it is so, and since when. The time is zero while the condition is Unknown.
func (j *Judge) State() (Condition, string, time.Time) {
	return j.condition, j.reason, j.since
}

// Step takes the next result into account, and returns what changed by it, if anything did.
func (j *Judge) Step(now time.Time, r Result) (Change, bool) {
	j.clock.advance(now)
	if j.held && j.clock.elapsed >= j.until {
		j.held = false
	}
	if r.OK {
		return j.succeed(now)
	}

	return j.fail(now, r)
}

// succeed counts a success.
func (j *Judge) succeed(now time.Time) (Change, bool) {
	j.failures = 0
	j.successes = min(j.successes+1, j.params.Rise)
	switch {
	case j.condition == Up || j.held:
		return Change{}, false
	case j.condition == Unknown:
		return j.turn(now, Up, "first success"), true
	case j.successes < j.params.Rise:
		return Change{}, false
	case j.flapping():
		return j.hold(now), true
	default:
		return j.turn(now, Up, streak(j.params.Rise, "success", "successes")), true
	}
}

// fail counts a failure, or takes a proof for Fall of them.
func (j *Judge) fail(now time.Time, r Result) (Change, bool) {
	j.successes = 0
	j.failures = min(j.failures+1, j.params.Fall)
	why := fmt.Sprintf("%s: %s", streak(j.params.Fall, "failure", "failures"), r.Reason)
	if r.Hard {
		j.failures = j.params.Fall
		why = "proven: " + r.Reason
	}
	switch {
	case j.condition == Down:
		return Change{}, false
	case j.failures < j.params.Fall:
		if j.condition == Unknown {
			j.reason = fmt.Sprintf("%d of %s: %s", j.failures, count(j.params.Fall, "failure", "failures"), r.Reason)
		}

		return Change{}, false
	case j.condition == Up && j.flapping():
		return j.hold(now), true
	default:
		return j.turn(now, Down, why), true
	}
}

// turn changes the condition. What is learned after the start is no flip: a flip is between up and down.
func (j *Judge) turn(now time.Time, to Condition, why string) Change {
	change := Change{From: j.condition, To: to, At: now, Reason: why}
	if j.condition != Unknown && j.params.MaxFlips > 0 {
		j.flips = append(j.flips, j.clock.elapsed)
	}
	j.condition, j.reason, j.since = to, why, now

	return change
}

// flapping says whether one more change would be one too many. It forgets the changes that left the window.
func (j *Judge) flapping() bool {
	if j.params.MaxFlips == 0 {
		return false
	}
	old := 0
	for old < len(j.flips) && j.clock.elapsed-j.flips[old] >= j.params.FlipWindow {
		old++
	}
	j.flips = append(j.flips[:0], j.flips[old:]...)

	return len(j.flips) >= j.params.MaxFlips
}

// hold keeps the check down for HoldDown. The changes that led to it are forgotten, so that the check starts afresh
// afterwards.
func (j *Judge) hold(now time.Time) Change {
	changes := len(j.flips) + 1
	change := Change{From: j.condition, To: Down, At: now}
	change.Reason = fmt.Sprintf("flapping: %s in %s, held down until %s", count(changes, "change", "changes"),
		j.params.FlipWindow, now.Add(j.params.HoldDown).UTC().Format(time.RFC3339))
	if j.condition != Down {
		j.since = now
	}
	j.condition, j.reason = Down, change.Reason
	j.held, j.until = true, j.clock.elapsed+j.params.HoldDown
	j.flips = j.flips[:0]

	return change
}

// count words a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}

	return fmt.Sprintf("%d %s", n, many)
}

// streak words a number of things without another one in between.
func streak(n int, one, many string) string {
	if n == 1 {
		return count(n, one, many)
	}

	return count(n, one, many) + " in a row"
}
