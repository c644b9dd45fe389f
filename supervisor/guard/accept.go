// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// accept makes the units of an order wanted. One that is refused does not keep the others from being held.
func (m *Machine) accept(units []Unit) {
	units = slices.SortedFunc(slices.Values(units), func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(b.Epoch, a.Epoch))
	})
	held := map[netip.Addr]string{} // whose an address is
	addresses := 0
	for i, u := range units {
		addresses += len(u.Addresses)
		twice := i > 0 && units[i-1].Resource == u.Resource
		switch {
		case twice:
			continue // the highest epoch speaks for the resource
		case i >= UnitsMax:
			m.refuse(u, fmt.Sprintf("an order has at most %d units", UnitsMax))
			continue
		case addresses > AddressesMax:
			m.refuse(u, fmt.Sprintf("an order has at most %d addresses", AddressesMax))
			continue
		}
		if err := m.admit(u, held); err != nil {
			m.refuse(u, err.Error())
			continue
		}
		m.epochs[u.Resource] = u.Epoch
		for _, a := range u.Addresses {
			held[a.Prefix.Addr()] = u.Resource
			m.want(u, a)
		}
	}
}

// admit tells why a unit cannot be held.
func (m *Machine) admit(u Unit, held map[netip.Addr]string) error {
	if err := u.check(); err != nil {
		return err
	}
	known, ok := m.epochs[u.Resource]
	switch {
	case ok && u.Epoch < known:
		return fmt.Errorf("its epoch %d is older than %d, which was ordered before", u.Epoch, known)
	case !ok && len(m.epochs) >= epochsMax:
		return fmt.Errorf("the guard knows the epochs of %d resources already, and forgets none", epochsMax)
	}
	own := map[netip.Addr]bool{}
	for _, a := range u.Addresses {
		ip := a.Prefix.Addr()
		if other, ok := held[ip]; ok {
			return fmt.Errorf("%s is an address of %s already", ip, other)
		}
		if own[ip] {
			return fmt.Errorf("it names %s twice", ip)
		}
		own[ip] = true
	}
	return nil
}

// refuse remembers why, within the bounds of an order.
func (m *Machine) refuse(u Unit, why string) {
	if len(m.refused) < UnitsMax {
		u.Resource = clip(u.Resource)
		m.refused = append(m.refused, Unit{Resource: u.Resource, Epoch: u.Epoch})
		m.why[u.Resource] = clip(why)
	}
}

// want makes an address of a unit wanted. Under a newer epoch it is announced anew: somebody else may have had it.
func (m *Machine) want(u Unit, a Address) {
	p := m.place(a)
	if p == nil {
		p = &place{address: a}
		m.add(p)
	}
	if p.resource != u.Resource || p.epoch != u.Epoch {
		p.announceSoon(m.now)
	}
	p.address, p.resource, p.epoch = a, u.Resource, u.Epoch
	p.wanted, p.orphan, p.noProbe = true, false, u.NoProbe
}
