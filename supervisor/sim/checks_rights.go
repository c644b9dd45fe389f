// SPDX-License-Identifier: Apache-2.0

package sim

import "net/netip"

// active: an address that one machine begins or goes on to answer for is answered for by no other (S1). A machine that stood still
// with its clock knows nothing of the time that passed, and answers until its deadline is over: only fencing helps against that.
func (c *checkers) active(m *machine, addr netip.Addr) {
	until := m.guard.passes(addr)
	if until <= m.guard.thaw {
		return // it does not answer, or nobody can help it
	}
	for _, o := range c.w.nodes {
		if o == m || o.guard == nil {
			continue
		}
		if other := o.guard.passes(addr); other > o.guard.thaw {
			c.w.violate("one holder (S1)", "%s answers for %s for %s more, and %s for %s more",
				m.name, addr, until.Sub(m.guard.now()), o.name, other.Sub(o.guard.now()))
		}
	}
}
