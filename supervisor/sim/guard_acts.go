// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

const (
	// actWithinStep is the longest time between two steps of one act of a guard, when nothing holds it up.
	actWithinStep = 200 * time.Microsecond
	// probeWithin is how long a probe waits for an answer.
	probeWithin = 15 * time.Millisecond
	// balksIn is out of how many acts one fails while the kernel balks.
	balksIn = 3
)

// lane is operations that are carried out one at a time, the most urgent first, as in the process of the product.
type lane struct {
	waiting guard.Queue
	busy    bool
}

func (g *guardian) pump(p *process, l *lane) {
	if l.busy || len(l.waiting) == 0 {
		return
	}
	l.busy = true
	g.act(p, l.waiting.Take(), l)
}

// act is one operation under way. Between a look at the clock, what it does in the kernel, and the second look, the process may
// stand still, or end.
func (g *guardian) act(p *process, o guard.Op, l *lane) {
	g.later(p, g.m.w.some(actWithinStep), func() {
		if g.meets(o, beforeLook); g.proc != p || g.stands() {
			g.later(p, 0, func() { g.begun(p, o, l) })
			return
		}
		g.begun(p, o, l)
	})
}

func (g *guardian) begun(p *process, o guard.Op, l *lane) {
	looked := g.now()
	if !o.MayBegin(looked, p.until) {
		g.acted(p, l, guard.Result{Op: o, Outcome: guard.Late, Detail: "the deadline was there before it began"})
		return
	}
	g.m.w.checks.begins(g, p, o)
	left, takes := max(p.until.Sub(looked), 0), g.m.w.some(actWithinStep)
	if o.Kind == guard.OpProbe {
		takes += probeWithin
	}
	g.meets(o, midAct)
	g.later(p, takes, func() {
		var ev guard.Event
		if o.Kind == guard.OpLook {
			ev = g.kernel.look()
		} else {
			outcome, detail := g.carryOut(o, looked, left)
			ev = guard.Result{Op: o, Outcome: outcome, Detail: detail}
		}
		g.meets(o, afterDeed)
		g.later(p, g.m.w.some(actWithinStep), func() {
			ev := g.judged(p, o, looked, ev)
			g.m.w.checks.ends(g, p, o)
			g.acted(p, l, ev)
		})
	})
}

// judged looks at the clock again, and undoes what came too late.
func (g *guardian) judged(p *process, o guard.Op, looked guard.Instant, ev guard.Event) guard.Event {
	now := g.now()
	switch {
	case o.Kind == guard.OpSetGate && g.kernel.class == lease.TimedSet && looked < o.Until && now >= o.Until:
		g.kernel.set(o.Address.Gated(), 0, now, now)
		return guard.Result{Op: o, Outcome: guard.Failed, Detail: "the deadline passed while it was set"}
	case o.Counts(now, p.until):
		return ev
	case o.Kind == guard.OpAdd || o.Kind == guard.OpRefresh:
		g.kernel.drop(o.Address)
	}
	return guard.Result{Op: o, Outcome: guard.Late, Detail: "the deadline passed meanwhile"}
}

func (g *guardian) acted(p *process, l *lane, ev guard.Event) {
	if l != nil {
		l.busy = false
	}
	g.step(p, ev)
}

// carryOut changes the kernel, which may say that it failed, whether it did it or not.
func (g *guardian) carryOut(o guard.Op, looked guard.Instant, left time.Duration) (guard.Outcome, string) {
	fails := g.balks && g.m.w.rng.IntN(balksIn) == 0
	if fails && g.proc != nil {
		g.proc.account.balked = g.now()
	}
	if fails && g.m.w.rng.IntN(2) == 0 {
		return guard.Failed, "the kernel refuses it"
	}
	outcome, detail := g.change(o, looked, left)
	if fails {
		return guard.Failed, "the kernel does not answer"
	}
	return outcome, detail
}

func (g *guardian) change(o guard.Op, looked guard.Instant, left time.Duration) (guard.Outcome, string) {
	k, a, now := &g.kernel, o.Address, g.now()
	switch o.Kind {
	case guard.OpSetGate:
		k.set(a.Gated(), o.Until, looked, now)
		g.stoodStill(looked, k.gates[a.Gated()])
	case guard.OpClearGate:
		delete(k.gates, a.Gated())
	case guard.OpRemove:
		k.drop(a)
	case guard.OpAdd:
		g.keep(a, looked, left)
	case guard.OpRefresh:
		if k.keeps(a) == 0 {
			return guard.Gone, ""
		}
		g.keep(a, looked, left)
	case guard.OpProbe:
		if g.fought(a) {
			return guard.Taken, "a stranger answers for its address"
		}
	case guard.OpAnnounce, guard.OpPrepare, guard.OpLook, guard.OpReport:
	}
	g.m.w.checks.active(g.m, a.Gated().Addr)
	return guard.Done, ""
}

// keep has the kernel keep an address, for a time that was counted from a look at the clock.
func (g *guardian) keep(a guard.Address, looked guard.Instant, left time.Duration) {
	until := g.now().Add(lifetimeOf(left, g.m.w.some(time.Second)))
	g.kernel.keep(a, until)
	g.stoodStill(looked, until)
	g.expect(a)
}

// stoodStill excuses what an act did that stood still for longer than the terms of the weaker classes allow for.
func (g *guardian) stoodStill(looked, until guard.Instant) {
	if g.kernel.class != lease.Gate && g.now().Sub(looked) > g.m.w.opt.Times.Terms.Pause {
		g.excuse(until)
	}
}

// expect has the kernel take an address away when its time is over.
func (g *guardian) expect(a guard.Address) {
	until := g.kernel.keeps(a)
	at := g.when(until)
	g.m.w.at(at, event{what: evDo, data: func() {
		switch {
		case g.kernel.keeps(a) != until || g.m.off || g.m.clock.stopped:
		case g.now() < until:
			g.expect(a) // the clock goes slower since
		default:
			g.takeAway(a)
		}
	}})
}

// takeAway takes an address away, be it the kernel or somebody by hand, and tells so.
func (g *guardian) takeAway(a guard.Address) {
	g.kernel.drop(a)
	g.m.w.do(g.m.w.some(tellWithin), func() { g.step(g.proc, guard.Changed{}) })
}
