// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"slices"
	"time"
)

// Machine is what a guard knows and wants. It is not safe for concurrent use.
type Machine struct {
	now     Instant
	due     Instant
	started Instant
	begun   bool
	ops     []Op

	// The order in force.
	ordered bool
	answers uint64
	until   Instant
	lapsed  bool // its deadline has passed, or there is none
	trouble string
	refused []Unit
	why     map[string]string // per refused unit
	epochs  map[string]uint64 // the highest epoch that was ordered for a resource
	quit    bool

	// What there is. Places are in the order of their addresses, by what cannot be changed in them.
	places []*place
	gates  map[Gated]*gate
	links  map[string]*readiness // that may come to have addresses, by name
	look   look

	attached bool
	owed     bool // a report
	reported Status
	told     Instant // when
}

// look is how well the links are known.
type look struct {
	done  bool // at least once
	busy  bool
	again bool
	next  Instant
	last  Instant
	pause pause
}

// New returns a machine that holds nothing and knows nothing of the links.
func New() *Machine {
	return &Machine{lapsed: true, epochs: map[string]uint64{}, gates: map[Gated]*gate{}, links: map[string]*readiness{}}
}

// Step tells the machine what happened, in this order, and what the time is, and returns what to do, most urgent first. Every
// operation but OpReport is answered by one Result or Seen.
func (m *Machine) Step(now Instant, events ...Event) []Op {
	m.now, m.due, m.ops = max(m.now, now), Never, nil
	if !m.begun {
		m.begun, m.started, m.look.next = true, m.now, m.now
	}
	for _, ev := range events {
		if !m.lapsed && m.now >= m.until {
			m.lapse()
		}
		m.absorb(ev)
	}
	if !m.lapsed && m.now >= m.until {
		m.lapse()
	}
	m.plan()
	m.planLinks()
	m.planLook()
	m.planReport()
	slices.SortStableFunc(m.ops, compareOps)
	return m.ops
}

// Due returns when the next Tick is due, or Never.
func (m *Machine) Due() Instant { return m.due }

// Until returns the deadline of all acts that need the right. It is in the past when there is no right.
func (m *Machine) Until() Instant {
	if m.lapsed || m.quit {
		return 0
	}
	return m.until
}

// Empty tells, after Quit, that everything was let go.
func (m *Machine) Empty() bool {
	return m.quit && m.look.done && len(m.places) == 0 && len(m.gates) == 0
}

// Unused tells that there is no right to hold anything, and that nothing is left of what was held.
func (m *Machine) Unused() bool {
	left := func(p *place) bool { return p.presence != absent || p.busy != 0 }
	return m.lapsed && m.look.done && len(m.gates) == 0 && !slices.ContainsFunc(m.places, left)
}

func (m *Machine) absorb(ev Event) {
	switch ev := ev.(type) {
	case Order:
		m.order(ev)
	case Extend:
		m.extend(ev)
	case Attached:
		m.attached, m.owed, m.answers = true, true, 0
	case Lost:
		m.attached = false
	case Changed:
		m.lookSoon()
	case LinkUp:
		m.linkUp(ev)
	case Seen:
		m.seen(ev)
	case Result:
		m.result(ev)
	case Quit:
		m.quit = true
		m.order(Order{Number: m.answers})
	case Tick:
	}
}

// order puts an order in force. One with a deadline that cannot be is one without right.
func (m *Machine) order(o Order) {
	if m.quit {
		o.Units, o.Links, o.Until = nil, nil, 0
	}
	m.ordered, m.answers, m.until, m.trouble = true, o.Number, o.Until, ""
	m.refused, m.why = nil, map[string]string{}
	if off := o.Until.Sub(m.now); off > HorizonMax {
		m.until = 0
		m.trouble = fmt.Sprintf("the order is without right: its deadline is %s off, and no right lasts longer than %s", off.Round(time.Second), HorizonMax)
	}
	m.lapsed = m.now >= m.until
	before := m.wanted()
	for _, p := range before {
		p.wanted = false
	}
	m.accept(o.Units)
	m.watchFor(o.Links)
	for _, p := range before {
		if !p.wanted {
			p.rest()
		}
	}
}

// extend moves the deadline of an order in force.
func (m *Machine) extend(e Extend) {
	switch {
	case m.lapsed || e.Until <= m.until:
	case e.Until.Sub(m.now) > HorizonMax:
		m.trouble = fmt.Sprintf("an extension is refused: its deadline is %s off, and no right lasts longer than %s", e.Until.Sub(m.now).Round(time.Second), HorizonMax)
	default:
		m.until, m.trouble = e.Until, ""
	}
}

// lapse ends the right of the order in force for good.
func (m *Machine) lapse() {
	m.lapsed = true
	for _, p := range m.wanted() {
		p.rest()
	}
}

// live tells whether an address is to be held now.
func (m *Machine) live(p *place) bool { return p.wanted && !m.lapsed }

// mayAct tells whether what needs the right may still begin.
func (m *Machine) mayAct() bool { return !m.lapsed && m.now < m.until.Add(-Margin) }

// patient tells whether an address is left to the deadlines in the kernel for now.
func (m *Machine) patient(p *place) bool {
	return p.orphan && !m.ordered && m.now < m.started.Add(Patience)
}

// find returns where the place of an address is among the others, or would be.
func (m *Machine) find(a Address) (i int, there bool) {
	return slices.BinarySearchFunc(m.places, a, func(p *place, a Address) int { return compareAddresses(p.address, a) })
}

// place returns the place of an address; nil if there is none.
func (m *Machine) place(a Address) *place {
	if i, there := m.find(a); there {
		return m.places[i]
	}
	return nil
}

// add makes a place for an address that has none.
func (m *Machine) add(p *place) {
	i, _ := m.find(p.address)
	m.places = slices.Insert(m.places, i, p)
}

// forget does away with a place.
func (m *Machine) forget(p *place) {
	m.places = slices.DeleteFunc(m.places, func(o *place) bool { return o == p })
}

func (m *Machine) wanted() []*place {
	return slices.DeleteFunc(slices.Clone(m.places), func(p *place) bool { return !p.wanted })
}

// wake asks for a Tick.
func (m *Machine) wake(at Instant) { m.due = min(m.due, at) }

// do asks for an operation on an address.
func (m *Machine) do(kind OpKind, at Address, until Instant, why string) {
	m.ops = append(m.ops, Op{Kind: kind, Address: at, Until: until, Why: why})
}
