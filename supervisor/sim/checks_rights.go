// SPDX-License-Identifier: Apache-2.0

package sim

// active: a resource that one machine begins or goes on to answer for is answered for by no other (S1). A machine that stood still
// with its clock knows nothing of the time that passed, and answers until its deadline is over: only fencing helps against that.
func (c *checkers) active(m *machine, u *unit) {
	if _, ok := m.guard.serves(u.Resource); !ok {
		return
	}
	for _, o := range c.w.nodes {
		if o == m {
			continue
		}
		other, ok := o.guard.serves(u.Resource)
		if ok && other.until.After(o.guard.thaw) && u.until.After(m.guard.thaw) {
			c.w.violate("one holder (S1)", "%s answers for %s in epoch %d for %s more, and %s in epoch %d for %s more",
				m.name, u.Resource, u.Epoch, u.until.Sub(m.now()), o.name, other.Epoch, other.until.Sub(o.now()))
		}
	}
}
