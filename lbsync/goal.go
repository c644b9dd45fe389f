// SPDX-License-Identifier: Apache-2.0

package lbsync

import "time"

// goal is what one step wants one server to be, before and after the drain floor had its say.
type goal struct {
	want Want
	have Have
	next memory
	// owned is set when the server is ours to write.
	owned bool
	admin Admin
	// weight is the weight to have in service, 0 to leave weights alone.
	weight     int
	healthDown bool
	kill       bool
	phase      Phase
	reason     string
	// obstacle says why the balancer cannot be brought in step here, empty when it can.
	obstacle string
	// drift is set when somebody else changed the server since the last step.
	drift    bool
	deadline time.Time
	wake     time.Time
}

// untouched is the goal of a server that is not ours to write. Its memory stays as it was, so that a passing doubt
// about a member does not start its drain deadline anew.
func untouched(w Want, h Have, mem memory, p Phase) goal {
	return goal{want: w, have: h, next: mem, phase: p, admin: h.Admin, reason: w.reason()}
}

func (g goal) blocked(reason string) goal {
	g.obstacle, g.reason = reason, reason
	return g
}

// weightRight tells whether the weight needs no operation.
func (g *goal) weightRight() bool {
	return g.weight == 0 || g.admin != Ready || g.have.Weight == g.weight
}

// drifted tells whether somebody else changed what the last step found in order.
func (g *goal) drifted() bool {
	was := g.next.seen
	if !g.owned || !was.valid {
		return false
	}
	return g.have.Admin != was.admin || g.weight > 0 && g.have.Weight != was.weight
}

// ops lists the operations that lead from what the server is to its goal.
func (g *goal) ops() []Op {
	if !g.owned {
		return nil
	}
	why := g.reason
	if g.drift {
		why = "changed by somebody else (found " + g.found() + "), asserted again: " + why
	}
	var ops []Op
	add := func(k OpKind, weight int) { ops = append(ops, Op{Kind: k, Key: g.want.Key, Weight: weight, Why: why}) }
	if !g.weightRight() {
		add(OpWeight, g.weight)
	}
	if g.have.Admin != g.admin {
		add([...]OpKind{Ready: OpReady, Drain: OpDrain, Maint: OpMaint}[g.admin], 0)
	}
	if g.healthDown {
		add(OpHealthDown, 0)
	}
	if g.kill && g.have.Sessions > 0 {
		add(OpKill, 0)
	}
	return ops
}

func (g *goal) found() string {
	if g.have.Admin != g.next.seen.admin {
		return g.have.Admin.String()
	}
	return "weight " + itoa(g.have.Weight)
}

func (g *goal) report() ServerPhase {
	return ServerPhase{
		Key: g.want.Key, Phase: g.phase, Since: g.next.since, Reason: g.reason,
		Sessions: g.have.Sessions + g.have.Queued, Deadline: g.deadline,
	}
}
