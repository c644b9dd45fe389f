// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// sleep lets a machine sleep: it stands still as one that is frozen, but its boot clock goes on.
func (m *machine) sleep(d time.Duration) {
	if m.core == nil || m.paused {
		return
	}
	m.pause(d, true)
	m.asleep = true
}

// thaw lets the clock of a machine go on that stood still.
func (m *machine) thaw() {
	if !m.clock.stopped {
		return
	}
	slept := time.Duration(0)
	if m.asleep {
		slept, m.asleep = m.clock.goes(m.w.now-m.clock.world), false
		m.slept += slept
	}
	m.clock.goOn(m.w.now)
	m.guard.thawed(slept)
}

// boots begins the account that a supervisor keeps of its clocks.
func (g *guardian) boots() {
	if g != nil {
		g.clocks = holdings.NewClock(g.now(), g.m.now())
	}
}

// sample notes how they stand, before a step of the core, as the loop of a node does.
func (g *guardian) sample() {
	if g != nil {
		g.clocks.Sample(g.now(), g.m.now())
	}
}

// thawed lets the guard go on after its machine stood still, or slept for so long. Nobody can answer for what was known before,
// but where the kernel goes by the boot clock, which a sleep does not stop.
func (g *guardian) thawed(slept time.Duration) {
	if g == nil {
		return
	}
	g.kernel.sleptFor(slept)
	if slept == 0 || g.kernel.class != lease.Gate {
		g.excuse(g.now().Add(g.m.w.opt.Times.Terms.Gone(g.kernel.class)))
	}
	for _, a := range g.kernel.addrs {
		g.expect(a.Address)
	}
	g.goOn()
}

// sleptFor moves what the kernel counts with a clock that stands still while the machine sleeps: lifetimes of addresses, and the
// spans of a packet filter.
func (k *kernel) sleptFor(d time.Duration) {
	for i := range k.addrs {
		k.addrs[i].until = k.addrs[i].until.Add(d)
	}
	if k.class == lease.TimedSet {
		for _, at := range k.gated() {
			k.gates[at] = k.gates[at].Add(d)
		}
	}
}

// boot is what the boot clock of a machine shows.
func (m *machine) boot() guard.Instant {
	return guard.Instant(m.clock.shows(m.w.now) + m.slept)
}
