// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"maps"
	"net/netip"
	"slices"
)

// gate is what stands before an address in the kernel.
type gate struct {
	// until is the deadline that it was last given, as far as known: Never for a gate that was found.
	until Instant
	// ours is set while it has a deadline of this guard, which is until or later.
	ours  bool
	busy  bool
	aim   aim // of the last operation
	pause pause
}

// aim is what an operation of a gate is to bring about.
type aim uint8

const (
	opening aim = iota + 1
	closing
	clearing
)

// scene is what one step has to know of all addresses at once.
type scene struct {
	live    map[Gated]*place // the address that is to be held behind a gate
	hinders map[Gated]bool   // an address that is to go is there, or may be
	patient map[Gated]bool   // an address is left to the kernel's deadlines for now
	going   map[netip.Addr]Address
	orphan  *place // one that was found at the start and is still there
}

func survey(all []*place, m *Machine) scene {
	s := scene{live: map[Gated]*place{}, hinders: map[Gated]bool{}, patient: map[Gated]bool{}, going: map[netip.Addr]Address{}}
	for _, p := range all {
		g := p.address.Gated()
		switch {
		case m.live(p):
			s.live[g] = p
		case p.presence != absent || p.busy == OpAdd:
			s.hinders[g] = true
			s.going[g.Addr] = p.address
			if m.patient(p) {
				s.patient[g] = true
			}
		}
		if p.orphan {
			s.orphan = p
		}
	}
	return s
}

// gatesAlone lists the gates before which there is no address that the machine knows of.
func (m *Machine) gatesAlone(s scene) []Gated {
	alone := slices.SortedFunc(maps.Keys(m.gates), compareGated)
	return slices.DeleteFunc(alone, func(g Gated) bool {
		return s.live[g] != nil || s.hinders[g]
	})
}

// planGate asks for what is to be done with a gate. Before an address that is to be held it has the deadline, whatever else of
// that address is on its way out; before one that is to go it is closed; and with no address behind it, it is cleared.
func (m *Machine) planGate(at Gated, s scene) {
	g := m.gates[at]
	switch {
	case g != nil && (g.busy || s.patient[at]):
	case s.live[at] != nil:
		if g == nil {
			g = &gate{}
			m.gates[at] = g
		}
		if g.until != m.until || !g.ours {
			m.turn(at, g, opening)
		}
	case g == nil:
	case !s.hinders[at]:
		m.turn(at, g, clearing)
	case g.until > m.now:
		m.turn(at, g, closing)
	}
}

// turn asks for an operation of a gate. One that failed is not asked for again at once; another one is.
func (m *Machine) turn(at Gated, g *gate, to aim) {
	if g.aim == to && m.now < g.pause.until {
		m.wake(g.pause.until)
		return
	}
	g.busy, g.aim = true, to
	address := Address{Prefix: netip.PrefixFrom(at.Addr, at.Addr.BitLen()), Interface: at.Interface}
	switch to {
	case opening:
		m.do(OpSetGate, address, m.until, "the address is to be held")
	case closing:
		m.do(OpSetGate, address, 0, "the address is to go")
	case clearing:
		m.do(OpClearGate, address, 0, "there is no address behind it")
	}
}

// open tells whether packets pass a gate, as far as this guard had it opened.
func (m *Machine) open(at Gated) bool {
	g := m.gates[at]
	return g != nil && g.ours && g.until > m.now
}

// obstacle tells why an address cannot be brought here yet.
func (m *Machine) obstacle(p *place, s scene) string {
	at := p.address.Gated()
	going, other := s.going[at.Addr]
	switch {
	case !m.look.done && m.look.pause.why != "":
		return "the links cannot be looked at: " + m.look.pause.why
	case !m.look.done:
		return "the links were not looked at yet"
	case s.orphan != nil:
		return s.orphan.address.String() + ", which was found at the start, has to go first"
	case other:
		return going.String() + " has to go first"
	case m.open(at):
		return ""
	default:
		return m.shut(at)
	}
}

// shut tells why a gate that has to be open is not.
func (m *Machine) shut(at Gated) string {
	if g := m.gates[at]; g != nil && g.pause.why != "" {
		return "the gate does not open: " + g.pause.why
	}
	return "the gate is not open yet"
}

// gateResult notes what became of an operation of the gate.
func (m *Machine) gateResult(r Result) {
	if r.Op.Kind == OpPrepare {
		m.prepared(r)
		return
	}
	at := r.Op.Address.Gated()
	g := m.gates[at]
	if g == nil {
		return
	}
	g.busy = false
	switch {
	case r.Outcome != Done:
		g.pause.after(m.now, retryMin, retryMax, r.Detail)
		// It may have been carried out all the same. A later deadline that was asked for does no harm to the one known.
		g.ours = g.ours && r.Op.Kind == OpSetGate && r.Op.Until >= g.until
	case r.Op.Kind == OpClearGate:
		delete(m.gates, at)
	default:
		g.pause = pause{}
		g.until, g.ours = r.Op.Until, true
	}
}
