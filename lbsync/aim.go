// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"strconv"
	"time"
)

// aim decides what one server should be now, as if there were no drain floor.
func aim(now time.Time, w Want, h Have, mem memory) goal {
	if h.ByAgent && w.Service != ServiceLeave {
		return untouched(w, h, mem, PhaseLeft).blocked(
			"an agent-check of the balancer writes this server: remove agent-check from its server line")
	}
	g := goal{want: w, have: h, next: mem, owned: true, reason: w.reason()}
	g.next.proof = mem.proof.observed(h, mem.life)
	if w.Service != ServiceDrain {
		g.next.drainSince = time.Time{}
	}
	if w.Service != ServiceServe {
		g.next.rampSince = time.Time{}
	}
	switch w.Service {
	case ServiceLeave:
		return untouched(w, h, mem, PhaseLeft)
	case ServiceServe:
		return g.serve(now)
	case ServiceDrain:
		return g.leave(now)
	case ServiceSuspend:
		return g.suspend()
	case ServiceOut:
		g.admin, g.phase, g.kill = Maint, PhaseOut, w.Kill
		return g
	default:
		return untouched(w, h, mem, PhaseLeft).blocked("unknown " + w.Service.String())
	}
}

// serve brings a server into service: at once from a drain that was ours to undo, through a passed check from
// maintenance.
func (g goal) serve(now time.Time) goal {
	switch {
	case g.have.Admin != Ready && g.next.proof == proofStale:
		g.healthDown = true
		return g.warm(now)
	case g.have.Admin == Drain && !g.undoable() && !g.have.CheckOK():
		return g.warm(now)
	}
	if returning := g.have.Admin != Ready && !g.undoable() || g.next.life.absent(); returning {
		g.next.rampSince = now
	}
	g.admin, g.next.proof = Ready, proofGood
	g = g.ramp(now)
	if g.have.Inherited != Ready {
		return g.blocked("out of service by the server that it tracks, or by name resolution")
	}
	return g
}

func (g goal) warm(now time.Time) goal {
	g.admin, g.phase = Drain, PhaseWarming
	g.reason = "waits for the balancer's check: " + g.want.reason()
	g.wake = now.Add(pollPending)
	return g
}

// undoable tells whether the server is out of service by nothing but a drain that began while it served.
func (g *goal) undoable() bool {
	if g.next.proof != proofGood || g.have.Admin == Maint {
		return false
	}
	switch g.next.life {
	case PhaseReady, PhaseRamping, PhaseDraining, PhaseHeld:
		return true
	case PhaseDrained, PhaseWarming, PhaseOut, PhaseLeft, PhaseMissing:
		return false
	default:
		return false
	}
}

// absent tells whether the phase is one that ends with a return to service.
func (p Phase) absent() bool { return p == PhaseDrained || p == PhaseOut || p == PhaseWarming }

// leave walks a planned drain: nothing new, then maintenance once idle or at the deadline. A server that was out
// already and shows up in service, after a reload for instance, goes straight back.
func (g goal) leave(now time.Time) goal {
	if g.next.drainSince.IsZero() {
		g.next.drainSince = now
	}
	late := false
	if g.want.Deadline > 0 {
		g.deadline = g.next.drainSince.Add(g.want.Deadline)
		late = !now.Before(g.deadline)
	}
	done := g.next.life == PhaseDrained || g.next.life == PhaseOut
	switch {
	case g.have.Admin == Maint || done:
		g.admin, g.phase, g.kill = Maint, PhaseDrained, g.want.Kill && late
	case g.have.Admin == Drain && g.have.Idle():
		g.admin, g.phase = Maint, PhaseDrained
		g.reason = "idle: " + g.want.reason()
	case late:
		g.admin, g.phase, g.kill = Maint, PhaseDrained, g.want.Kill
		g.reason = "drain deadline of " + g.want.Deadline.String() + " is over: " + g.want.reason()
	default:
		g.admin, g.phase = Drain, PhaseDraining
		g.wake = now.Add(pollPending)
		if !g.deadline.IsZero() {
			g.wake = earlier(g.wake, g.deadline)
		}
	}
	return g
}

// suspend drains at once and goes no further. One that is in maintenance already stays there, since nothing reaches it.
func (g goal) suspend() goal {
	if g.have.Admin == Maint {
		g.admin, g.phase = Maint, PhaseOut
		return g
	}
	g.admin, g.phase = Drain, PhaseDraining
	return g
}

func itoa(n int) string { return strconv.Itoa(n) }
