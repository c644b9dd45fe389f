// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math"
	"net/netip"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// guardian is what a machine has to hold addresses with: its kernel, the guard of the product in a process of its own, and the
// end of it that a supervisor has.
type guardian struct {
	m      *machine
	kernel kernel
	proc   *process // nil = none runs
	desk   *desk    // of the supervisor that runs; nil = it never had anything to say
	paused bool
	ambush *ambush         // what befalls it in the middle of an act; nil = nothing
	clocks *holdings.Clock // of the supervisor that runs
	balks  bool            // the kernel refuses what it is asked for, or does it and says that it failed
	thaw   guard.Instant   // deadlines up to this one may rest on what was known before the machine, or an act of its guard, stood still

	stranger func(resource string) bool // tells whether one has its addresses; nil = never
	idle     func(resource string) bool // tells whether nobody uses it; nil = never
	replaced func()                     // is told that the supervisor has killed a guard that was silent; nil = nobody
}

// process is one guard. The fields after the first are its shell's.
type process struct {
	machine *guard.Machine
	until   guard.Instant // the deadline that all acts go by
	armed   time.Duration // when the machine is woken; 0 = not at all
	hands   lane
	gate    lane
	peer    *desk         // the supervisor that is connected; nil = none
	inbox   []guard.Event // came while it stood still
	kept    []func()      // what it was about to do then
	account account       // what the checkers know of it
}

func (w *World) newGuardian(m *machine) *guardian {
	return &guardian{m: m, kernel: newKernel(w.class())}
}

// now is the boot clock.
func (g *guardian) now() guard.Instant { return g.m.boot() }

// stands tells whether no process of the guard can do anything now.
func (g *guardian) stands() bool { return g.paused || g.m.clock.stopped || g.m.off }

// begin starts a guard.
func (g *guardian) begin() {
	g.proc = &process{machine: guard.New(), account: account{ran: g.now()}}
	g.step(g.proc, guard.Tick{})
}

// step tells a guard what happened, and has carried out what it decides.
func (g *guardian) step(p *process, events ...guard.Event) {
	if p == nil || g.proc != p {
		return
	}
	if g.stands() {
		p.inbox = append(p.inbox, events...)
		return
	}
	g.m.w.checks.toldGuard(g, p, events)
	ops := p.machine.Step(g.now(), events...)
	p.until = p.machine.Until()
	for _, o := range ops {
		switch {
		case o.Kind == guard.OpReport:
			g.report(p)
		case o.Kind == guard.OpProbe:
			g.act(p, o, nil)
		case o.Kind.ForGate():
			p.gate.waiting.Add(o)
		default:
			p.hands.waiting.Add(o)
		}
	}
	g.pump(p, &p.hands)
	g.pump(p, &p.gate)
	g.arm()
}

// arm makes sure that the guard is woken when it is due.
func (g *guardian) arm() {
	p := g.proc
	if p == nil {
		return
	}
	at := g.when(p.machine.Due())
	if at == math.MaxInt64 || p.armed != 0 && p.armed <= at {
		return // it is looked at again then
	}
	p.armed = at
	g.m.w.at(at, event{what: evDo, data: func() {
		if g.proc == p && p.armed == at {
			p.armed = 0
			if g.now() < p.machine.Due() {
				g.arm()
				return
			}
			g.step(p, guard.Tick{})
		}
	}})
}

// bent looks again at when what is due: the clock has another rate.
func (g *guardian) bent() {
	if g != nil && g.proc != nil {
		g.proc.armed = 0
		g.arm()
	}
}

// when is the moment of the world at which the boot clock shows an instant.
func (g *guardian) when(i guard.Instant) time.Duration {
	if i > guard.Instant(math.MaxInt64/2) || g.m.clock.stopped {
		return math.MaxInt64
	}
	return max(g.m.clock.when(g.m.clock.zero.Add(time.Duration(i)-g.m.slept)), g.m.w.now)
}

// later has a guard do something in a while, or when it goes on after that.
func (g *guardian) later(p *process, d time.Duration, f func()) {
	g.m.w.do(d, func() {
		switch {
		case g.proc != p:
		case g.stands():
			p.kept = append(p.kept, f)
		default:
			f()
		}
	})
}

// pause lets the process stand still.
func (g *guardian) pause() { g.paused = g.proc != nil }

// pauseFor lets it stand still for a while.
func (g *guardian) pauseFor(d time.Duration) {
	g.pause()
	p := g.proc
	g.m.w.do(d, func() {
		if g.proc == p {
			g.resume()
		}
	})
}

// resume lets it go on.
func (g *guardian) resume() {
	g.paused = false
	g.goOn()
}

// goOn lets a process do what it was about to do, and read what came meanwhile, in this order or in the other one.
func (g *guardian) goOn() {
	p := g.proc
	if p == nil || g.stands() {
		return
	}
	inbox, kept := append(p.inbox, guard.Tick{}), p.kept
	p.inbox, p.kept, p.armed, p.account.ran = nil, nil, 0, g.now()
	reads := g.m.w.rng.IntN(2) == 0
	if reads {
		g.step(p, inbox...)
	}
	for _, f := range kept {
		g.later(p, 0, f)
	}
	if !reads {
		g.step(p, inbox...)
	}
}

// kill ends the process. What it did stands in the kernel until its deadlines.
func (g *guardian) kill() {
	p := g.proc
	g.proc, g.paused = nil, false
	if p != nil && p.peer != nil {
		p.peer.cut(p)
	}
}

// orphaned tells the guard that its supervisor is gone.
func (g *guardian) orphaned() {
	if g == nil {
		return
	}
	if p := g.proc; p != nil && p.peer != nil && p.peer == g.desk {
		p.peer = nil
		g.step(p, guard.Lost{})
	}
	g.desk = nil
}

// powerOff takes everything, in the kernel as well.
func (g *guardian) powerOff() {
	if g == nil {
		return
	}
	g.kernel = newKernel(g.kernel.class)
	g.proc, g.desk, g.paused, g.ambush = nil, nil, false, nil
}

// excuse takes deadlines up to a moment for such as nobody can answer for: only fencing helps there.
func (g *guardian) excuse(until guard.Instant) { g.thaw = max(g.thaw, until) }

// passes is until when the machine answers for an address, as things are; zero if it does not.
func (g *guardian) passes(addr netip.Addr) guard.Instant {
	if g == nil || g.m.off || g.m.clock.stopped {
		return 0
	}
	return g.kernel.passes(addr, g.now())
}

// serves tells whether the machine answers for a resource now.
func (g *guardian) serves(resource string) bool {
	return g.answers(resource) > 0
}

// answers is until when the machine answers for all addresses of a resource, as things are; zero if it does not.
func (g *guardian) answers(resource string) guard.Instant {
	until := guard.Instant(0)
	if g == nil {
		return until
	}
	for i, a := range g.m.w.addresses(resource) {
		if t := g.passes(a); i == 0 || t < until {
			until = t
		}
	}
	return until
}

// fought tells whether a stranger has an address.
func (g *guardian) fought(a guard.Address) bool {
	resource := g.m.w.resourceOf(a.Prefix.Addr())
	return g.m.w.strangers[resource] || g.stranger != nil && g.stranger(resource)
}
