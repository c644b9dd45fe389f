// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

const (
	tellWithin  = time.Millisecond      // from a supervisor to its guard, and back
	guardBegins = 50 * time.Millisecond // the longest time until a new guard listens
	guardSilent = 3 * guard.ReportEvery // how long a guard may say nothing
	reachAgain  = 10 * time.Millisecond // after a connection that ended
	watchEvery  = guard.ReportEvery     // how often it is looked whether a guard is silent
)

// errGuardGone is why a guard cannot be told anything.
var errGuardGone = errors.New("its connection ended")

// desk is the end that one supervisor has of its guard.
type desk struct {
	g      *guardian
	life   uint32 // of the supervisor
	ledger holdings.Ledger
	hold   holdings.Hold // as the core gave it
	told   dialogue.Told
	proc   *process       // that it is connected to; nil = none
	met    bool           // it has said something
	heard  time.Time      // when it last did
	mail   []guard.Status // what it said while the supervisor stood still
	last   core.Guarded   // as the core was told
	in     time.Duration  // when the newest status comes: what was said in order comes in order
	out    time.Duration  // likewise of the other direction
}

// tell takes what a step of the core asks for, as the loop of a node does.
func (g *guardian) tell(out *core.Output) {
	if g == nil {
		return
	}
	d := g.desk
	if d == nil || d.life != g.m.life {
		d = &desk{g: g, life: g.m.life, ledger: holdings.Ledger{Bears: g.m.w.opt.Times.Terms.Hold}}
	}
	h, news := d.hold.After(out)
	if !news {
		return
	}
	again := d.hold.Order != h.Order
	d.hold = h
	d.ledger.Hold(h, g.clocks.Until(h.Since, h.Until.Sub(h.Since)))
	if g.desk != d {
		g.desk = d
		d.reach()
		d.watch()
	}
	d.converse()
	if again {
		g.m.w.do(g.m.w.some(tellWithin), d.report)
	}
}

// here tells whether the supervisor is there still.
func (d *desk) here() bool { return d.g.desk == d && d.g.m.life == d.life }

// reach connects to a guard, to one that it begins if there is none.
func (d *desk) reach() {
	w := d.g.m.w
	w.do(w.some(tellWithin), func() {
		switch {
		case !d.here() || d.proc != nil:
		case !d.g.m.acts():
			w.do(reachAgain, d.reach)
		case d.g.proc == nil:
			d.g.begin()
			w.do(w.some(guardBegins), d.reach)
		default:
			d.proc, d.told, d.met, d.heard = d.g.proc, dialogue.Told{}, false, d.g.m.now()
			d.proc.peer = d
			d.g.step(d.proc, guard.Attached{})
		}
	})
}

// watch has a guard killed that is silent for too long, and another one begun.
func (d *desk) watch() {
	d.g.m.w.do(watchEvery, func() {
		if !d.here() {
			return
		}
		d.watch()
		if d.g.m.acts() && d.proc != nil && d.g.proc == d.proc && d.g.m.now().Sub(d.heard) > guardSilent {
			d.replace()
		}
	})
}

func (d *desk) replace() {
	d.g.kill()
	if d.g.replaced != nil {
		d.g.replaced()
	}
}

// cut ends a connection, since the guard has ended.
func (d *desk) cut(p *process) {
	d.g.m.w.do(d.g.m.w.some(tellWithin), func() {
		if !d.here() || d.proc != p {
			return
		}
		if !d.g.m.acts() {
			d.cut(p) // it is read later
			return
		}
		d.proc = nil
		d.ledger.Hear(d.g.m.now(), holdings.Said{Class: string(d.g.kernel.class), Status: d.ledger.Status(), Err: errGuardGone})
		d.g.m.w.do(reachAgain, d.reach)
		d.report()
	})
}

// converse tells the guard what it does not know.
func (d *desk) converse() {
	if d.proc == nil || !d.met {
		return
	}
	ev := d.told.Next(d.ledger.Wanted(), d.g.now())
	if ev == nil {
		return
	}
	w, p := d.g.m.w, d.proc
	d.out = max(d.out, w.now+w.some(tellWithin))
	w.at(d.out, event{what: evDo, data: func() {
		if p.peer == d {
			d.g.step(p, ev)
		}
	}})
}

// report tells the supervisor how the guard stands.
func (g *guardian) report(p *process) {
	d, s, w := p.peer, p.machine.Status(), g.m.w
	if d == nil {
		return
	}
	d.in = max(d.in, w.now+w.some(tellWithin))
	w.at(d.in, event{what: evDo, data: func() {
		if d.here() && d.proc == p {
			d.hear(s)
		}
	}})
}

// hear takes in what the guard says. A supervisor that stands still reads it when it goes on.
func (d *desk) hear(s guard.Status) {
	if !d.g.m.acts() {
		d.mail = append(d.mail, s)
		return
	}
	d.met, d.heard = true, d.g.m.now()
	d.told.Heard(s)
	d.ledger.Hear(d.g.m.now(), holdings.Said{Connected: true, Class: string(d.g.kernel.class), Status: s})
	d.converse()
	d.report()
}

// awake lets a supervisor that stood still read what its guard said, or find that it has been silent for too long.
func (g *guardian) awake() {
	if g == nil || g.desk == nil || !g.desk.here() {
		return
	}
	d := g.desk
	mail := d.mail
	d.mail = nil
	if d.proc != nil && g.proc == d.proc && g.m.now().Sub(d.heard) > guardSilent && g.m.w.rng.IntN(2) == 0 {
		d.replace()
		return
	}
	for _, s := range mail {
		if d.here() && d.proc != nil {
			d.hear(s)
		}
	}
}

// report tells the core how the guard stands, if that is news.
func (d *desk) report() {
	if !d.here() || !d.g.m.acts() {
		return
	}
	r, again := d.ledger.Stands(d.g.m.now())
	if !again.IsZero() {
		d.g.m.w.at(max(d.g.m.clock.when(again), d.g.m.w.now+1), event{what: evDo, data: d.report})
	}
	for i := range r.Units {
		u := &r.Units[i]
		u.Idle = u.State == bus.ResourceHeld && d.g.idle != nil && d.g.idle(u.Resource)
	}
	if r.Class == d.last.Class && r.Why == d.last.Why && r.Order == d.last.Order && slices.Equal(r.Units, d.last.Units) {
		return
	}
	d.last = r
	d.g.m.step(r)
}
