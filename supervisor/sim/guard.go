// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

const (
	tellWithin = time.Millisecond      // from the core to its guard, and back
	takeWithin = 30 * time.Millisecond // to look whether somebody else has an address, and to take it
)

// guard is the process that holds what its node is given to hold. It outlives the supervisor, and knows deadlines only: past its
// deadline nothing of a unit answers any more, whatever runs or does not.
type guard struct {
	m      *machine
	order  uint64
	units  []*unit // sorted by resource
	mail   []order // not yet read
	paused bool
	life   uint32    // of the supervisor that spoke last
	thaw   time.Time // deadlines up to this one may rest on what was heard before the machine stood still, with its clock
	told   time.Time // the deadline that it was told last

	stranger func(resource string) bool // tells whether one has its addresses; nil = never
	idle     func(resource string) bool // tells whether nobody uses it; nil = never
}

// unit is a resource that a guard has.
type unit struct {
	core.Holding

	held  bool
	until time.Time // by the clock of its machine
}

// order is what a core tells its guard.
type order struct {
	life     uint32
	n        uint64 // which holdings it is about
	replaces bool   // the holdings are here
	holdings []core.Holding
	until    time.Time
}

// tell sends the guard what a step of the core asks for. It arrives in this order.
func (g *guard) tell(out *core.Output) {
	if g == nil || !out.NewHoldings && (out.HoldUntil.Equal(g.told) || out.HoldUntil.IsZero()) {
		return
	}
	g.told = out.HoldUntil
	g.mail = append(g.mail, order{g.m.life, out.Order, out.NewHoldings, out.Holdings, out.HoldUntil})
	g.m.w.do(g.m.w.some(tellWithin), g.read)
}

// read takes what came, unless the process or its machine stands still.
func (g *guard) read() {
	if g.paused || g.m.clock.stopped {
		return // it is read later
	}
	mail := g.mail
	g.mail = nil
	for _, o := range mail {
		if !g.m.off {
			g.take(o)
		}
	}
}

// take carries out an order. What is about other holdings than those that it has been told moves no deadline.
func (g *guard) take(o order) {
	if o.replaces {
		g.life, g.order = o.life, o.n
		g.replace(o.holdings)
	}
	if o.life == g.life && o.n == g.order {
		for _, u := range g.units {
			if o.until.After(u.until) {
				u.until = o.until
				g.m.w.checks.active(g.m, u)
			}
		}
	}
	if o.replaces {
		g.report()
	}
}

// replace lets go of what is not held any more, and begins to take what is new.
func (g *guard) replace(holdings []core.Holding) {
	old := g.units
	g.units = nil
	for _, h := range holdings {
		i := slices.IndexFunc(old, func(u *unit) bool { return u.Resource == h.Resource && u.Epoch == h.Epoch })
		if i >= 0 {
			g.units = append(g.units, old[i])
			continue
		}
		u := &unit{Holding: h}
		g.units = append(g.units, u)
		g.m.w.do(g.m.w.some(takeWithin), func() { g.hold(u) })
	}
}

// hold makes a unit answer, now that nobody else does, and while there is the right to.
func (g *guard) hold(u *unit) {
	switch {
	case g.m.off || !slices.Contains(g.units, u):
		return
	case g.paused || g.m.clock.stopped || g.fought(u) || !g.m.now().Before(u.until):
		g.m.w.do(50*time.Millisecond, func() { g.hold(u) })
		g.report()
		return
	}
	u.held = true
	g.m.w.checks.active(g.m, u)
	g.report()
}

// fought tells whether a stranger has the addresses of a unit.
func (g *guard) fought(u *unit) bool { return g.stranger != nil && g.stranger(u.Resource) }

// report tells the core how the units are.
func (g *guard) report() {
	m := g.m
	if !m.acts() || m.life != g.life {
		return
	}
	r := core.Guarded{Class: lease.Gate, Order: g.order}
	for _, u := range g.units {
		state, why := bus.ResourceTaking, ""
		switch {
		case u.held:
			state = bus.ResourceHeld
		case g.fought(u):
			state, why = bus.ResourceTrouble, "a stranger answers for its address"
		}
		r.Units = append(r.Units, core.Unit{Resource: u.Resource, Epoch: u.Epoch, State: state, Reason: why, Idle: u.held && g.idle != nil && g.idle(u.Resource)})
	}
	life := m.life
	m.w.do(m.w.some(tellWithin), func() {
		if m.life == life && m.acts() {
			m.step(r)
		}
	})
}

// serves tells whether the guard's machine answers for a resource now.
func (g *guard) serves(resource string) (*unit, bool) {
	if g == nil || g.m.off || g.m.clock.stopped {
		return nil, false
	}
	i := slices.IndexFunc(g.units, func(u *unit) bool { return u.Resource == resource && u.held && g.m.now().Before(u.until) })
	if i < 0 {
		return nil, false
	}
	return g.units[i], true
}

// thawed takes note of what the guard had when its machine stood still.
func (g *guard) thawed() {
	if g == nil {
		return
	}
	g.thaw = g.m.w.opt.Times.Terms.Until(g.m.now())
	g.read()
}
