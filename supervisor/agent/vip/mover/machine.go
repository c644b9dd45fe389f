// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// parallelMax is how many commands run at once. What is due beyond that waits for one of them to end.
	parallelMax = 8
	// retryMin and retryMax bound the wait after an assign that failed.
	retryMin, retryMax = time.Second, 30 * time.Second
)

// noRight is why nothing is begun without a right.
const noRight = "this node does not know at present that a majority stands behind it"

// machine decides which command is run when, and which is killed. It does no I/O and reads no clock.
type machine struct {
	now    time.Time
	until  time.Time // nothing begins at or after it
	due    time.Time // when the next step is; zero if only an event can change anything
	ops    []op
	number uint64 // of the newest command
	places map[string]*place
	epochs map[string]uint64   // the highest seen of a resource
	wanted map[netip.Addr]bool // by any unit
}

// place is what is known of one resource.
type place struct {
	name    string
	want    *Unit  // nil if it is not wanted
	refused string // why it is not, although it was asked for
	asked   uint64 // epoch of what is refused

	held    bool
	begun   bool   // an assign was, and the right has not run out since
	trouble string // why the last assign failed
	lost    string // why it is held no longer
	pause   time.Duration
	next    time.Time // when it is assigned or checked; zero is at once

	leaving *Unit // to be released
	running *command
}

// command is one that was begun and has not ended.
type command struct {
	number  uint64
	verb    Verb
	unit    Unit
	limit   time.Time
	killed  string // why; empty if it was not
	expired bool   // it was killed for taking too long
}

// op is one thing for the shell to do: to begin a command, or to kill one that runs.
type op struct {
	number uint64
	kill   bool
	verb   Verb
	unit   Unit
	why    string // of a kill
}

// event is what a step is told.
//
//sumtype:decl
type event interface{ event() }

// order replaces the units that are wanted.
type order struct {
	units  []Unit
	epochs map[string]uint64
}

// ended tells what became of a command.
type ended struct {
	resource string
	number   uint64
	outcome  outcome
	said     string // why it failed
}

// tick tells that time has passed.
type tick struct{}

func (order) event() {}
func (ended) event() {}
func (tick) event()  {}

// outcome is how a command ended.
type outcome uint8

const (
	done outcome = iota + 1
	failed
	late // the deadline was there before it could begin
)

func newMachine() *machine {
	return &machine{places: map[string]*place{}, epochs: map[string]uint64{}, wanted: map[netip.Addr]bool{}}
}

// step tells the machine what the time is, until when this node has the right to act, and what happened.
func (m *machine) step(now, until time.Time, ev event) []op {
	m.now, m.until, m.due, m.ops = now, until, time.Time{}, nil
	switch ev := ev.(type) {
	case order:
		m.replace(ev)
	case ended:
		m.ended(ev)
	case tick:
	}
	if !m.right() {
		m.lapse()
	}
	m.plan()
	return m.ops
}

func (m *machine) right() bool { return m.now.Before(m.until) }

// lapse forgets what was brought about: another node may have the addresses by now.
func (m *machine) lapse() {
	for _, p := range m.sorted() {
		p.leaving, p.lost = nil, ""
		p.renew()
	}
}

// renew makes the place be assigned at once, as if for the first time.
func (p *place) renew() {
	p.held, p.begun, p.trouble, p.pause, p.next = false, false, "", 0, time.Time{}
}

func (m *machine) sorted() []*place {
	return slices.SortedFunc(maps.Values(m.places), func(a, b *place) int { return cmp.Compare(a.name, b.name) })
}

// replace takes in what is wanted now.
func (m *machine) replace(o order) {
	for _, name := range slices.Sorted(maps.Keys(o.epochs)) {
		m.epochs[name] = max(m.epochs[name], o.epochs[name])
	}
	units := map[string]Unit{}
	for _, u := range o.units {
		if len(u.Command) == 0 || units[u.Resource].Epoch > u.Epoch {
			continue
		}
		units[u.Resource] = u.filled()
		m.epochs[u.Resource] = max(m.epochs[u.Resource], u.Epoch)
		if m.places[u.Resource] == nil {
			m.places[u.Resource] = &place{name: u.Resource}
		}
	}
	clear(m.wanted)
	for _, p := range m.sorted() {
		u, ok := units[p.name]
		p.refused = ""
		switch {
		case !ok:
			p.recall()
		case u.Epoch < m.epochs[p.name]:
			p.want, p.leaving, p.asked = nil, nil, u.Epoch
			p.refused = "it is asked for under an epoch that is over"
			p.renew()
		default:
			p.take(u)
			for _, a := range u.Addresses {
				m.wanted[a.Addr()] = true
			}
		}
	}
}

// recall notes that the unit is not wanted any more.
func (p *place) recall() {
	if p.want != nil && p.begun {
		p.leaving = p.want
	}
	p.want, p.lost = nil, ""
	p.renew()
}

// take notes what is wanted.
func (p *place) take(u Unit) {
	if p.want == nil || !p.want.same(u) {
		p.recall()
	}
	p.want = &u
}

// ended notes what became of a command.
func (m *machine) ended(e ended) {
	p := m.places[e.resource]
	if p == nil || p.running == nil || p.running.number != e.number {
		return
	}
	c := p.running
	p.running = nil
	if c.killed != "" && !c.expired {
		return // it was over already
	}
	if c.expired {
		e.outcome, e.said = failed, join(c.killed, e.said)
	}
	switch {
	case c.verb == Release || p.want == nil || !p.want.same(c.unit):
	case e.outcome == done:
		p.held, p.trouble, p.lost, p.pause, p.next = true, "", "", 0, m.now.Add(p.want.Every)
	case e.outcome == late:
		p.next = m.now
	case c.verb == Check:
		p.held, p.next = false, m.now
		p.lost = "check: " + e.said
	default:
		p.held, p.lost = false, ""
		p.trouble = "assign: " + e.said
		p.pause = min(max(2*p.pause, retryMin), retryMax)
		p.next = m.now.Add(p.pause)
	}
}

// join puts what a command said behind how it ended.
func join(how, said string) string {
	if said == "" {
		return how
	}
	return how + ": " + said
}

// report tells how everything stands that is wanted.
func (m *machine) report() Report {
	var r Report
	for _, p := range m.sorted() {
		if p.want != nil || p.refused != "" {
			r.Units = append(r.Units, m.status(p))
		}
	}
	return r
}

func (m *machine) status(p *place) Status {
	s := Status{Resource: p.name, Epoch: p.asked, State: Trouble, Reason: p.refused}
	if p.want == nil {
		return s
	}
	s.Epoch, s.Reason = p.want.Epoch, p.trouble
	switch {
	case !m.right():
		s.State, s.Reason = Taking, noRight
	case p.held:
		s.State = Held
	case p.trouble == "":
		s.State, s.Reason = Taking, cmp.Or(p.want.Waits, p.lost)
	}
	return s
}
