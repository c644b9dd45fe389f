// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"slices"
)

// Phase is how an address stands.
type Phase string

// The phases.
const (
	// Waiting means that something has to come first.
	Waiting Phase = "waiting"
	// Probing means that the neighbours are asked who has it.
	Probing Phase = "probing"
	// Contested means that a stranger has it. It is asked for again.
	Contested Phase = "contested"
	// Adding means that it is being put on its link.
	Adding Phase = "adding"
	// Failing means that it is wanted and could not be put there, or is not known to be.
	Failing Phase = "failing"
	// Held means that it is there.
	Held Phase = "held"
	// Releasing means that it is there, or may be, and is to go.
	Releasing Phase = "releasing"
	// Lapsed means that it is ordered and gone, since the deadline has passed.
	Lapsed Phase = "lapsed"
)

// Status is how a guard stands.
type Status struct {
	// Answers is the number of the newest order that the status takes into account, zero before the first one of this
	// supervisor.
	Answers uint64 `json:"answers"`
	// Until is the deadline of the order in force.
	Until Instant `json:"until"`
	// Lapsed tells that the deadline has passed, or that there is no order. Only an order changes it.
	Lapsed bool `json:"lapsed"`
	// Looked tells that what was on the links when the guard began is known.
	Looked bool `json:"looked"`
	// Trouble is what is wrong with the order or with the guard as a whole.
	Trouble string `json:"trouble,omitempty"`
	// Units are the resources that are ordered or not gone yet, by name. One without a name is what nobody ordered.
	Units []UnitStatus `json:"units,omitempty"`
}

// UnitStatus is how a resource stands.
type UnitStatus struct {
	Resource string `json:"resource"`
	Epoch    uint64 `json:"epoch"`
	// Refused tells why nothing is done for it.
	Refused   string          `json:"refused,omitempty"`
	Addresses []AddressStatus `json:"addresses,omitempty"`
}

// AddressStatus is how an address stands.
type AddressStatus struct {
	Address
	Phase Phase `json:"phase"`
	// Why tells what is in the way, in an operator's words.
	Why string `json:"why,omitempty"`
}

// Holds tells whether a resource is held as a whole under an epoch.
func (s Status) Holds(resource string, epoch uint64) bool {
	for _, u := range s.Units {
		if u.Resource == resource && u.Epoch == epoch && u.Refused == "" {
			return len(u.Addresses) > 0 && !slices.ContainsFunc(u.Addresses, func(a AddressStatus) bool { return a.Phase != Held })
		}
	}
	return false
}

// Gone tells whether no address of a resource is on a link of this node. What it does not know it calls not gone, and
// addresses that nobody ordered may be of any resource. It speaks about what was ordered up to Answers: compare that first.
func (s Status) Gone(resource string) bool {
	for _, u := range s.Units {
		if u.Resource != resource && u.Resource != "" {
			continue
		}
		if slices.ContainsFunc(u.Addresses, func(a AddressStatus) bool { return a.Phase != Lapsed }) {
			return false
		}
	}
	return s.Looked
}

// Status returns how the machine stands.
func (m *Machine) Status() Status {
	s := Status{Answers: m.answers, Until: m.until, Lapsed: m.lapsed, Looked: m.look.done, Trouble: m.trouble}
	if m.look.pause.why != "" {
		s.Trouble = "the links cannot be looked at: " + m.look.pause.why
	}
	for _, u := range m.refused {
		s.Units = append(s.Units, UnitStatus{Resource: u.Resource, Epoch: u.Epoch, Refused: m.why[u.Resource]})
	}
	for _, p := range m.places {
		phase, why := m.phase(p)
		if phase == "" {
			continue
		}
		i := slices.IndexFunc(s.Units, func(u UnitStatus) bool { return u.Resource == p.resource })
		if i < 0 {
			i = len(s.Units)
			s.Units = append(s.Units, UnitStatus{Resource: p.resource, Epoch: p.epoch})
		}
		u := &s.Units[i]
		if p.wanted {
			u.Epoch = p.epoch
		}
		u.Addresses = append(u.Addresses, AddressStatus{p.address, phase, why})
	}
	slices.SortStableFunc(s.Units, func(a, b UnitStatus) int { return cmp.Compare(a.Resource, b.Resource) })
	return s
}

// phase tells how an address stands, and what is in the way.
func (m *Machine) phase(p *place) (Phase, string) {
	switch {
	case !m.live(p) && (p.presence != absent || p.busy == OpAdd):
		return Releasing, cmp.Or(p.removal.why, m.whyNot(p))
	case !m.live(p) && p.wanted:
		return Lapsed, m.whyNot(p)
	case !m.live(p):
		return "", ""
	case p.presence == present && !m.open(p.address.Gated()):
		return Waiting, m.shut(p.address.Gated())
	case p.presence == present:
		return Held, cmp.Or(p.acts.why, m.gates[p.address.Gated()].pause.why)
	case p.presence == doubtful:
		return Failing, cmp.Or(p.acts.why, "what became of the last act is not known yet")
	case p.stranger != "":
		return Contested, p.stranger + " has it"
	case p.busy == OpProbe:
		return Probing, p.acts.why
	case p.busy == OpAdd:
		return Adding, p.acts.why
	case p.waits != "":
		return Waiting, p.waits
	case p.acts.why != "":
		return Failing, p.acts.why
	default:
		return Waiting, "its turn comes"
	}
}

// planReport asks for a report when there is news, and now and then.
func (m *Machine) planReport() {
	if !m.attached {
		return
	}
	s := m.Status()
	next := m.told.Add(ReportEvery)
	if !m.owed && m.now < next && s.same(m.reported) {
		m.wake(next)
		return
	}
	m.owed, m.reported, m.told = false, s, m.now
	m.wake(m.now.Add(ReportEvery))
	m.ops = append(m.ops, Op{Kind: OpReport})
}

// same tells whether nothing changed but the deadline.
func (s Status) same(t Status) bool {
	return s.Answers == t.Answers && s.Lapsed == t.Lapsed && s.Looked == t.Looked && s.Trouble == t.Trouble &&
		slices.EqualFunc(s.Units, t.Units, func(a, b UnitStatus) bool {
			return a.Resource == b.Resource && a.Epoch == b.Epoch && a.Refused == b.Refused && slices.Equal(a.Addresses, b.Addresses)
		})
}
