// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// kernel is what the kernel of a machine has of virtual addresses. It outlives every process, and not the power.
type kernel struct {
	class lease.Class
	addrs []leased                      // in their order
	gates map[guard.Gated]guard.Instant // until when each lets packets pass
}

// leased is an address that the kernel takes away at some time.
type leased struct {
	guard.Address

	until guard.Instant
}

func newKernel(class lease.Class) kernel {
	return kernel{class: class, gates: map[guard.Gated]guard.Instant{}}
}

func (k *kernel) find(a guard.Address) (i int, there bool) {
	return slices.BinarySearchFunc(k.addrs, a, func(l leased, a guard.Address) int {
		return cmp.Or(l.Prefix.Addr().Compare(a.Prefix.Addr()), cmp.Compare(l.Prefix.Bits(), a.Prefix.Bits()), cmp.Compare(l.Interface, a.Interface))
	})
}

// keeps is until when the kernel keeps an address; zero if it is not there.
func (k *kernel) keeps(a guard.Address) guard.Instant {
	if i, there := k.find(a); there {
		return k.addrs[i].until
	}
	return 0
}

// keep adds an address, or keeps it for another time.
func (k *kernel) keep(a guard.Address, until guard.Instant) {
	i, there := k.find(a)
	if !there {
		k.addrs = slices.Insert(k.addrs, i, leased{Address: a})
	}
	k.addrs[i].until = until
}

func (k *kernel) drop(a guard.Address) {
	if i, there := k.find(a); there {
		k.addrs = slices.Delete(k.addrs, i, i+1)
	}
}

// lifetimeOf is how long the kernel keeps an address that it was given for a time: it counts in seconds, of which the last one is
// begun, and is up to one more late.
func lifetimeOf(valid, late time.Duration) time.Duration {
	return (valid + time.Second - 1).Truncate(time.Second) + late
}

// passes tells until when packets of an address pass, as things are; zero if none does.
func (k *kernel) passes(addr netip.Addr, now guard.Instant) guard.Instant {
	longest := guard.Instant(0)
	for _, a := range k.addrs {
		until := a.until
		if g, gated := k.gates[a.Gated()]; gated && k.class != lease.Address {
			until = min(until, g)
		}
		if a.Prefix.Addr() == addr && until > now {
			longest = max(longest, until)
		}
	}
	return longest
}

// set moves the deadline of a gate. The better kernel is told a moment; the other one a span, counted from when somebody looked
// at the clock.
func (k *kernel) set(at guard.Gated, until, looked, now guard.Instant) {
	switch k.class {
	case lease.Gate:
		k.gates[at] = until
	case lease.TimedSet:
		k.gates[at] = now.Add(max(until.Sub(looked), 0))
	case lease.Address:
	}
}

// look lists what there is.
func (k *kernel) look() guard.Seen {
	var s guard.Seen
	for _, a := range k.addrs {
		s.Addresses = append(s.Addresses, a.Address)
	}
	s.Gates = k.gated()
	return s
}

// gated lists the gates that there are.
func (k *kernel) gated() []guard.Gated {
	return slices.SortedFunc(maps.Keys(k.gates), func(a, b guard.Gated) int { return a.Addr.Compare(b.Addr) })
}
