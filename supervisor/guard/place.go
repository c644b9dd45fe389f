// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"slices"
	"time"
)

// presence is whether an address is on its link.
type presence uint8

const (
	absent presence = iota
	present
	// doubtful means that an act of ours failed or came too late, and that the links were not looked at since.
	doubtful
)

// place is an address that is ordered, or there, or both.
type place struct {
	address  Address
	resource string // empty when nobody ordered it since the guard began
	epoch    uint64
	wanted   bool
	orphan   bool // found by the first look, without an order
	noProbe  bool // its unit says so

	presence presence
	busy     OpKind // of the hands, under way
	acts     pause  // after an act that needs the right
	removal  pause
	stranger string // who has it
	waits    string // for what, before it is acquired

	free      Instant // until when a probe that heard of nobody is good
	granted   Instant // until when the kernel was last told to keep it
	refreshed Instant // when that was
	announce  Instant // when it is announced next
	announced int     // how often it was
	robbed    pause   // after others removed it
}

// rest forgets what belongs to holding, and lets a removal begin at once.
func (p *place) rest() {
	p.acts, p.removal, p.stranger, p.waits = pause{}, pause{}, "", ""
	p.free, p.granted, p.refreshed, p.announce, p.announced = 0, 0, 0, 0, 0
}

func (p *place) announceSoon(now Instant) { p.announce, p.announced = now, 0 }

// afterAnnounce sets when the next announcement is due: after 1, 2, 4, 8 … 60 seconds.
func (p *place) afterAnnounce(now Instant) {
	wait := announceMax
	if p.announced < 6 { // 2^6 s is more than a minute
		wait = min(announceMin<<p.announced, announceMax)
	}
	p.announced++
	p.announce = now.Add(wait)
}

// is notes what is known of an address after an act or a look.
func (p *place) is(now presence) {
	p.presence = now
	if now == absent {
		p.orphan = false
		p.granted, p.refreshed, p.free = 0, 0, 0
	}
}

// plan asks for what is to be done at every address and every gate.
func (m *Machine) plan() {
	all := slices.Clone(m.places)
	scene := survey(all, m)
	for _, p := range all {
		m.planGate(p.address.Gated(), scene)
	}
	for _, g := range m.gatesAlone(scene) {
		m.planGate(g, scene)
	}
	for _, p := range all {
		m.planHands(p, scene)
	}
	if !m.lapsed {
		m.wake(m.until)
	}
}

// planHands asks for the next operation of the hands at an address, if it is time for one.
func (m *Machine) planHands(p *place, s scene) {
	switch {
	case p.busy != 0:
	case !m.live(p):
		m.release(p)
	case !m.mayAct():
		// What is there may stay to the deadline. Nothing is begun any more.
	case p.presence == present:
		m.keep(p)
	case p.presence == absent:
		m.acquire(p, s)
	}
}

// release takes away what is not to be held.
func (m *Machine) release(p *place) {
	switch {
	case m.patient(p):
		m.wake(m.started.Add(Patience))
	case p.presence == absent:
		if !p.wanted {
			m.forget(p)
		}
	case m.now < p.removal.until:
		m.wake(p.removal.until)
	default:
		m.act(p, OpRemove, m.whyNot(p))
	}
}

// whyNot tells why an address is not to be held.
func (m *Machine) whyNot(p *place) string {
	switch {
	case m.quit:
		return "the guard was told to end"
	case p.wanted:
		return "the deadline has passed"
	case p.resource == "":
		return "nobody ordered it"
	default:
		return "it is not ordered any more"
	}
}

// keep lets the kernel keep an address, and tells the neighbours now and then.
func (m *Machine) keep(p *place) {
	if m.now < p.acts.until {
		m.wake(p.acts.until)
		return
	}
	if m.until != p.granted {
		next := p.refreshed.Add(refreshGap)
		if m.now >= next {
			m.act(p, OpRefresh, "the deadline has moved")
			return
		}
		m.wake(next)
	}
	switch {
	case !m.open(p.address.Gated()): // it would be dropped
	case m.now < p.announce:
		m.wake(p.announce)
	default:
		m.act(p, OpAnnounce, "this node holds it")
	}
}

// acquire brings an absent address here, step by step.
func (m *Machine) acquire(p *place, s scene) {
	p.waits = m.obstacle(p, s)
	switch {
	case p.waits != "":
	case m.now < p.acts.until:
		m.wake(p.acts.until)
	case p.noProbe:
		m.act(p, OpAdd, "a command moves it, and nobody is asked")
	case m.now < p.free:
		m.act(p, OpAdd, "no stranger has it")
	default:
		m.act(p, OpProbe, "it is to be held here")
	}
}

// act asks for an operation of the hands.
func (m *Machine) act(p *place, kind OpKind, why string) {
	p.busy, p.waits = kind, ""
	m.do(kind, p.address, m.until, why)
}

// linkUp begins anew what failed or was not heard while a link was down, or another one.
func (m *Machine) linkUp(ev LinkUp) {
	if l := m.links[ev.Interface]; l != nil {
		l.done, l.pause = false, pause{}
	}
	for _, p := range m.wanted() {
		if p.address.Interface == ev.Interface {
			p.announceSoon(m.now)
			p.acts = pause{}
		}
	}
	m.lookSoon()
}

// failed notes that nobody knows what an act did.
func (m *Machine) failed(p *place, why string) {
	p.acts.after(m.now, retryMin, retryMax, why)
	m.doubt(p)
}

func (m *Machine) doubt(p *place) {
	p.is(doubtful)
	m.lookSoon()
}

// robbed notes that somebody else removed an address that is held. Once it is brought back at once, and who insists is not
// fought over every packet.
func (m *Machine) robbed(p *place) {
	const why = "somebody else removed it"
	if m.now.Sub(p.robbed.until) > robbedForget {
		p.robbed = pause{}
	}
	p.acts = pause{until: m.now.Add(p.robbed.length), why: why}
	p.robbed.after(m.now, takenMin, takenMax, why)
}

// taken notes a stranger.
func (m *Machine) taken(p *place, who string, least, most time.Duration) {
	p.is(absent)
	p.acts.after(m.now, least, most, "")
	p.stranger = clip(who)
	if p.stranger == "" {
		p.stranger = "somebody else"
	}
}
