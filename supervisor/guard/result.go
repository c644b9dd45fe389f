// SPDX-License-Identifier: Apache-2.0

package guard

// seenMax bounds how many addresses and how many gates one look tells of. Those beyond come with the looks that follow, once
// the first ones are gone.
const seenMax = 2 * AddressesMax

// seen compares the links with what is known.
func (m *Machine) seen(s Seen) {
	first := !m.look.done
	m.look.done, m.look.busy, m.look.pause = true, false, pause{}
	m.look.next = m.now.Add(LookEvery)
	if m.look.again {
		m.look.again = false
		m.lookSoon()
	}
	there := map[Address]bool{}
	for _, a := range s.Addresses[:min(len(s.Addresses), seenMax)] {
		there[a.key()] = true
		p := m.place(a)
		if p == nil {
			p = &place{address: a, orphan: first}
			m.add(p)
		}
		if p.presence == absent && p.wanted { // adopted
			p.announceSoon(m.now)
			p.stranger = ""
		}
		p.is(present)
	}
	for _, p := range m.places {
		if there[p.address.key()] || p.presence == absent {
			continue
		}
		if p.presence == present && m.live(p) {
			m.robbed(p)
		}
		p.is(absent)
	}
	for _, g := range s.Gates[:min(len(s.Gates), seenMax)] {
		if m.gates[g] == nil {
			m.gates[g] = &gate{until: Never}
		}
	}
}

// lookSoon asks for a look at the links, but not for one after the other.
func (m *Machine) lookSoon() {
	if m.look.busy {
		m.look.again = true
		return
	}
	m.look.next = min(m.look.next, max(m.now, m.look.last.Add(lookGap)))
}

func (m *Machine) planLook() {
	at := max(m.look.next, m.look.pause.until)
	switch {
	case m.look.busy:
	case m.now < at:
		m.wake(at)
	default:
		m.look.busy, m.look.last = true, m.now
		m.ops = append(m.ops, Op{Kind: OpLook, Why: "what is there decides"})
	}
}

// result notes what became of an operation.
func (m *Machine) result(r Result) {
	switch {
	case r.Op.Kind == OpLook:
		m.look.busy, m.look.again = false, false
		m.look.next = m.now
		m.look.pause.after(m.now, retryMin, retryMax, r.Detail)
		return
	case r.Op.Kind.ForGate():
		m.gateResult(r)
		return
	}
	p := m.place(r.Op.Address)
	if p == nil || p.busy != r.Op.Kind {
		return
	}
	p.busy = 0
	switch r.Op.Kind {
	case OpProbe:
		m.probed(p, r)
	case OpAdd:
		m.added(p, r)
	case OpRefresh:
		m.refreshed(p, r)
	case OpAnnounce:
		m.announced(p, r)
	case OpRemove:
		m.removed(p, r)
	case OpSetGate, OpClearGate, OpPrepare, OpLook, OpReport:
	}
}

func (m *Machine) probed(p *place, r Result) {
	switch r.Outcome {
	case Done:
		p.free, p.stranger = m.now.Add(probeGood), ""
	case Taken:
		m.taken(p, r.Detail, takenMin, takenMax)
	case Gone, Late:
	case Failed:
		p.acts.after(m.now, retryMin, retryMax, r.Detail)
	}
}

func (m *Machine) added(p *place, r Result) {
	m.lookSoon()
	switch r.Outcome {
	case Done:
		p.is(present)
		p.acts, p.stranger = pause{}, ""
		p.granted, p.refreshed = r.Op.Until, m.now
		p.announceSoon(m.now)
	case Taken:
		m.taken(p, r.Detail, takenMin, takenMax)
	case Late:
		m.doubt(p)
	case Gone, Failed:
		m.failed(p, r.Detail)
	}
}

func (m *Machine) refreshed(p *place, r Result) {
	switch r.Outcome {
	case Done:
		p.is(present)
		p.acts = pause{}
		p.granted, p.refreshed = r.Op.Until, m.now
	case Gone:
		m.robbed(p)
		p.is(absent)
	case Late:
		m.doubt(p)
	case Taken, Failed:
		m.failed(p, r.Detail)
	}
}

func (m *Machine) announced(p *place, r Result) {
	switch r.Outcome {
	case Done:
		p.afterAnnounce(m.now)
		p.acts = pause{}
	case Late:
	case Gone, Taken, Failed:
		p.acts.after(m.now, retryMin, retryMax, r.Detail)
	}
}

func (m *Machine) removed(p *place, r Result) {
	m.lookSoon()
	if r.Outcome != Done {
		p.removal.after(m.now, retryMin, removeMax, r.Detail)
		return
	}
	p.is(absent)
	p.removal = pause{}
}
