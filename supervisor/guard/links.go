// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"maps"
	"slices"
)

// readiness is how far the gate of a link is made ready.
type readiness struct {
	done, busy bool
	pause      pause
}

// watchFor sets which links are to be made ready.
func (m *Machine) watchFor(links []string) {
	before := m.links
	m.links = map[string]*readiness{}
	for _, name := range links {
		if len(m.links) >= LinksMax || !device(name) {
			continue
		}
		if m.links[name] = before[name]; m.links[name] == nil {
			m.links[name] = &readiness{}
		}
	}
}

// planLinks asks for the gates that are not ready yet.
func (m *Machine) planLinks() {
	for _, name := range slices.Sorted(maps.Keys(m.links)) {
		switch l := m.links[name]; {
		case l.done || l.busy:
		case m.now < l.pause.until:
			m.wake(l.pause.until)
		default:
			l.busy = true
			m.do(OpPrepare, Address{Interface: name}, 0, "an address may come here")
		}
	}
}

// prepared notes what became of making a gate ready.
func (m *Machine) prepared(r Result) {
	l := m.links[r.Op.Address.Interface]
	if l == nil {
		return
	}
	l.busy = false
	if r.Outcome == Done {
		l.done = true
		return
	}
	l.pause.after(m.now, retryMin, prepareMax, r.Detail)
}
