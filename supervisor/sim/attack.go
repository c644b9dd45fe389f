// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// assault is an attack under way: on who holds something, or is about to.
type assault struct {
	on     *machine
	struck bool          // it has begun
	lasts  time.Duration // from then on: long enough for somebody else to be there
	others meanwhile
}

// meanwhile is what befalls those who have to wait for the holder.
type meanwhile uint8

const (
	well      meanwhile = iota // nothing
	restarted                  // when the holder is condemned, one of them or all are started again, and the network is healed
	stunned                    // they stand still as well
	refiled                    // they are given cluster files with other voters, one after the other
	meanwhiles
)

// String says it in words.
func (m meanwhile) String() string {
	return [meanwhiles]string{"are well", "are started again", "stand still as well", "are given other cluster files"}[m]
}

// attackWithin is how long an attack waits for its instant.
const attackWithin = 3 * time.Second

// attack lets a holder be lost at the worst instant that it has, with its clock as slow and all others as fast as they may be. It
// tells whether there is one.
func (w *World) attack() bool {
	m := w.holder()
	if m == nil || w.assault != nil {
		return false
	}
	kinds := []guard.OpKind{0, guard.OpSetGate, guard.OpRefresh, guard.OpAdd}
	kind, at := kinds[w.rng.IntN(len(kinds))], spot(w.rng.IntN(int(spots)))
	if w.rng.IntN(4) == 0 {
		if t := w.taker(m); t != nil {
			m, kind = t, guard.OpAdd
		}
	}
	a := &assault{on: m, lasts: 2 * w.opt.Times.Terms.Lapse(lease.Address), others: meanwhile(w.rng.IntN(int(meanwhiles)))}
	w.assault = a
	if a.others == refiled && w.rng.IntN(2) == 0 {
		w.hasten(m)
	}
	for _, o := range w.nodes {
		o.bend(driftMost)
	}
	m.bend(-driftMost)
	m.guard.ambush = &ambush{kind: kind, at: at, do: func() { w.strike(a, at) }}
	if kind == guard.OpAdd {
		for _, l := range slices.Clone(m.guard.kernel.addrs) {
			m.guard.takeAway(l.Address) // so that it has to bring them back
		}
	}
	w.undo(attackWithin, func() { w.strike(a, spots) })
	return true
}

// holder is who holds one of the resources, as far as anybody knows.
func (w *World) holder() *machine {
	r, newest := w.spec.Resources[w.rng.IntN(len(w.spec.Resources))].Name, (*machine)(nil)
	for _, m := range w.nodes {
		if m.acts() && (newest == nil || m.core.State().Index > newest.core.State().Index) {
			newest = m
		}
	}
	if newest == nil {
		return nil
	}
	return w.machine(string(newest.core.State().Resource(r).Holder))
}

// taker has a node take what another one holds, by an operator's word.
func (w *World) taker(from *machine) *machine {
	to, by := w.anyNode(), w.leader()
	if to == from || !to.acts() || by == nil || !by.acts() {
		return nil
	}
	for _, r := range by.core.State().Spec.Resources {
		if by.core.State().Resource(r.Name).Holder == from.name {
			w.ask(by, cluster.SetResource{Resource: r.Name, Verb: cluster.VerbMove, Node: to.name}, nil)
			return to
		}
	}
	return nil
}

// strike is the instant. The guard stands still there, which in the middle of an act is for no longer than the terms allow for.
func (w *World) strike(a *assault, at spot) {
	if a.struck || w.assault != a || w.calm {
		return
	}
	a.struck = true
	m, g := a.on, a.on.guard
	g.ambush = nil
	w.say("FAULT", fmt.Sprintf("%s: the guard of %s is caught %s, the others %s", Attack, m.name, at, a.others))
	switch pause := w.opt.Times.Terms.Pause; {
	case w.rng.IntN(6) == 0:
		m.sleep(a.lasts)
	case at == midAct:
		g.pauseFor(pause - w.some(pause/4) - time.Millisecond)
		g.ambush = &ambush{at: afterDeed, do: func() { w.fell(a) }}
		w.unman(a)
	default:
		w.fell(a)
		w.unman(a)
	}
	w.part(m)
	switch a.others {
	case stunned:
		hold := w.opt.Times.Terms.Hold
		for _, o := range w.nodes {
			o.pause(hold+w.some(hold/2), false)
		}
	case refiled:
		w.do(w.some(w.opt.Times.SuspectAfter), func() { w.refile(2) })
	case well, restarted, meanwhiles:
	}
	w.do(a.lasts, func() { w.relieve(a) })
	w.do(a.lasts+10*time.Second, func() { w.assault = nil })
}

// fell lets the guard of a holder stand still for as long as the attack lasts, or be killed, or go on.
func (w *World) fell(a *assault) {
	switch g := a.on.guard; {
	case w.calm:
	case w.rng.IntN(2) == 0:
		g.pauseFor(a.lasts)
	case w.rng.IntN(2) == 0:
		g.kill()
	}
}

// unman does likewise to its supervisor.
func (w *World) unman(a *assault) {
	switch m := a.on; w.rng.IntN(4) {
	case 0:
		m.pause(a.lasts, false)
	case 1:
		m.end()
		w.in(a.lasts, event{what: evStart, to: m})
	}
}

// part cuts a machine off from all others, or only in one direction, or not.
func (w *World) part(m *machine) {
	hears, speaks := w.rng.IntN(4) == 0, w.rng.IntN(8) == 0
	for _, o := range w.machines {
		if o == m {
			continue
		}
		if !speaks {
			w.net.each(m.index, o.index, -1, func(w *way) { w.cut = true })
		}
		if !hears {
			w.net.each(o.index, m.index, -1, func(w *way) { w.cut = true })
		}
	}
	w.railsChanged()
}

// relieve heals the network.
func (w *World) relieve(a *assault) {
	if w.assault == a && !w.calm {
		w.net.heal()
		w.railsChanged()
		w.say("FAULT", "the network is healed")
	}
}

// upon lets an attack go on when what it waits for is decided.
func (w *World) upon(e cluster.Event) {
	a := w.assault
	if a == nil || a.others != restarted || e.Kind != cluster.EventCondemned || e.Subject != string(a.on.name) {
		return
	}
	all, one := w.rng.IntN(2) == 0, w.rng.IntN(len(w.nodes))
	back := w.some(300 * time.Millisecond)
	w.undo(w.some(2*time.Millisecond), func() {
		for i, m := range w.nodes {
			if m != a.on && (all || i == one) {
				w.say("FAULT", fmt.Sprintf("%s %s", KillSupervisor, m.name))
				m.end()
				w.in(back+w.some(20*time.Millisecond), event{what: evStart, to: m})
			}
		}
		if w.rng.IntN(2) == 0 {
			w.undo(back, func() { w.relieve(a) })
		}
	})
}

// hasten applies cluster files that somebody with a slow disk reads late, before anything else happens.
func (w *World) hasten(on *machine) {
	s := w.anyNode()
	if s == on || s == w.leader() {
		return
	}
	w.say("FAULT", fmt.Sprintf("%s %s", SlowDisk, s.name))
	s.disk.sync = time.Second + w.some(2*time.Second)
	w.undo(3*time.Second, func() { s.disk.sync = w.opt.Sync })
	w.refile(3)
}

// refile applies cluster files with other voters, or other drain deadlines, one as soon as the other is decided.
func (w *World) refile(more int) {
	l := w.leader()
	if more == 0 || l == nil || !l.acts() || w.calm {
		return
	}
	spec, revision := l.core.Spec()
	if len(spec.Nodes) > leastVoters && w.rng.IntN(2) == 0 {
		for range 1 + w.rng.IntN(2) {
			spec.Nodes = otherVoters(spec, w.rng.IntN(len(spec.Nodes)))
		}
	}
	spec.Pools = slices.Clone(spec.Pools)
	spec.Pools[0].Drain.Deadline = cluster.Duration(time.Duration(1+w.requests) * time.Second)
	w.say("FAULT", fmt.Sprintf("operator at %s applies a file in which %v vote", l.name, spec.Voters()))
	w.ask(l, cluster.SetSpec{Spec: spec, IfRevision: &revision}, func(core.Answer) {
		w.do(0, func() { w.refile(more - 1) })
	})
}
