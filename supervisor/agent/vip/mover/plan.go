// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// candidate is a command that may begin now.
type candidate struct {
	place *place
	verb  Verb
	unit  Unit
	since time.Time // when it was due
}

// plan says which commands are killed and which begin.
func (m *machine) plan() {
	running := 0
	var ready []candidate
	for _, p := range m.sorted() {
		m.prune(p)
		switch {
		case p.running != nil:
			running++
			m.oversee(p)
		case m.right():
			if c, ok := m.candidate(p); ok {
				ready = append(ready, c)
			}
		}
		if p.want == nil && p.refused == "" && p.running == nil && p.leaving == nil {
			delete(m.places, p.name)
		}
	}
	slices.SortStableFunc(ready, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.since.Compare(b.since))
	})
	if len(m.places) > 0 && m.right() {
		m.wake(m.until)
	}
	for _, c := range ready[:min(len(ready), max(parallelMax-running, 0))] {
		m.begin(c)
	}
}

// rank puts first what brings an address here, and last what only looks.
func (c candidate) rank() int { return slices.Index([]Verb{Assign, Release, Check}, c.verb) }

// prune leaves of what is to be released what may be: nothing that somebody was given since, nothing that is wanted here.
func (m *machine) prune(p *place) {
	if p.leaving == nil {
		return
	}
	rest := p.leaving.without(m.wanted)
	p.leaving = &rest
	if len(rest.Addresses) == 0 || m.epochs[p.name] > rest.Epoch {
		p.leaving = nil
	}
}

// oversee kills a command that must not go on.
func (m *machine) oversee(p *place) {
	c := p.running
	if c.killed != "" {
		return
	}
	if c.killed, c.expired = m.fault(p); c.killed == "" {
		m.wake(c.limit)
		return
	}
	switch { // at once, in case it cannot be killed
	case c.expired && c.verb == Assign:
		p.trouble = "assign: " + c.killed
	case c.expired && c.verb == Check:
		p.held, p.lost = false, "check: "+c.killed
	}
	m.ops = append(m.ops, op{number: c.number, kill: true, verb: c.verb, unit: c.unit, why: c.killed})
}

// fault tells why a command must not go on, and whether the time that it took is why.
func (m *machine) fault(p *place) (why string, expired bool) {
	c := p.running
	switch {
	case !m.right():
		return "the right of this node has run out", false
	case c.verb == Release && m.epochs[p.name] > c.unit.Epoch:
		return "a newer epoch is known", false
	case c.verb == Release && slices.ContainsFunc(c.unit.Addresses, func(a netip.Prefix) bool { return m.wanted[a.Addr()] }):
		return "the address is wanted here again", false
	case c.verb != Release && p.want == nil:
		return "it is not wanted any more", false
	case c.verb != Release && !p.want.same(c.unit):
		return "something else is wanted", false
	case !m.now.Before(c.limit):
		return fmt.Sprintf("it took longer than %s", c.unit.Timeout), true
	}
	return "", false
}

// candidate tells what may be begun for a place where nothing runs.
func (m *machine) candidate(p *place) (candidate, bool) {
	assignable := p.want != nil && !p.held && p.want.Waits == ""
	switch {
	case assignable && !m.now.Before(p.next):
		return candidate{p, Assign, *p.want, p.next}, true
	case p.leaving != nil:
		return candidate{p, Release, *p.leaving, time.Time{}}, true
	case p.want != nil && p.held && !m.now.Before(p.next):
		return candidate{p, Check, *p.want, p.next}, true
	case assignable || p.want != nil && p.held:
		m.wake(p.next)
	}
	return candidate{}, false
}

func (m *machine) begin(c candidate) {
	m.number++
	p := c.place
	p.running = &command{number: m.number, verb: c.verb, unit: c.unit, limit: m.now.Add(c.unit.Timeout)}
	switch c.verb {
	case Assign:
		p.begun = true
	case Release:
		p.leaving = nil
	case Check:
	}
	m.wake(p.running.limit)
	m.ops = append(m.ops, op{number: m.number, verb: c.verb, unit: c.unit})
}

// wake asks for a step.
func (m *machine) wake(at time.Time) {
	if m.due.IsZero() || at.Before(m.due) {
		m.due = at
	}
}
