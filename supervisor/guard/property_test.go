// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rig is a machine in a world where operations take their time, fail, and come too late, and what the machine was told, from
// which the test knows by itself what is right.
type rig struct {
	*world
	machine, twin *Machine
	under         []Op

	until  Instant
	lapsed bool
	order  Order
	epochs map[string]uint64
	probed map[Address]Instant // when a probe that heard of nobody ended
}

func newRig() *rig {
	return &rig{
		world: newWorld(), machine: New(), twin: New(), lapsed: true, epochs: map[string]uint64{}, probed: map[Address]Instant{},
	}
}

var (
	netAddresses = []Address{
		{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Interface: "eth0"},
		{Prefix: netip.MustParsePrefix("10.0.0.1/32"), Interface: "eth0"},
		{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Interface: "eth1"},
		{Prefix: netip.MustParsePrefix("10.0.0.2/24"), Interface: "eth0"},
		{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Interface: "eth1"},
	}
	resources = []string{"a", "b", "c"}
)

func (r *rig) step(t *rapid.T, ev Event) {
	r.expect(ev)
	ops := r.machine.Step(r.now, ev)
	if diff := cmp.Diff(ops, r.twin.Step(r.now, ev), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Fatalf("the same story, another answer:\n%s", diff)
	}
	if !r.lapsed && r.now >= r.until {
		r.lapsed = true
	}
	for _, o := range ops {
		r.judge(t, o)
		if o.Kind != OpReport {
			r.under = append(r.under, o)
		}
	}
	if r.machine.Due() <= r.now {
		t.Fatalf("it asks for a step at %d, at %d", r.machine.Due(), r.now)
	}
	if !r.lapsed && r.machine.Until() != r.until {
		t.Fatalf("it goes by the deadline %d, and was told %d", r.machine.Until(), r.until)
	}
}

// expect keeps the books that the machine has to keep.
func (r *rig) expect(ev Event) {
	if !r.lapsed && r.now >= r.until {
		r.lapsed = true
	}
	switch ev := ev.(type) {
	case Order:
		r.order, r.until = ev, ev.Until
		if ev.Until.Sub(r.now) > HorizonMax {
			r.until = 0
		}
		r.lapsed = r.now >= r.until
	case Extend:
		if !r.lapsed && ev.Until > r.until && ev.Until.Sub(r.now) <= HorizonMax {
			r.until = ev.Until
		}
	case Quit:
		r.lapsed = true
	case Attached, Lost, Tick, Changed, LinkUp, Seen, Result:
	}
}

// ordered returns the unit by which an address is ordered.
func (r *rig) ordered(a Address) (unit Unit, ok bool) {
	for _, u := range r.order.Units {
		if slices.Contains(u.Addresses, a) && (!ok || u.Epoch > unit.Epoch) {
			unit, ok = u, true
		}
	}
	return unit, ok
}

// judge holds one operation against the promises.
func (r *rig) judge(t *rapid.T, o Op) {
	lane := func(p Op) bool {
		switch {
		case o.Kind == OpReport || p.Kind == OpReport:
			return false
		case o.Kind == OpLook || p.Kind == OpLook:
			return o.Kind == p.Kind
		case o.Kind.ForGate() || p.Kind.ForGate():
			return o.Kind.ForGate() && p.Kind.ForGate() && o.Address.Gated() == p.Address.Gated()
		}
		return o.Address.key() == p.Address.key()
	}
	if slices.ContainsFunc(r.under, lane) {
		t.Fatalf("%s: something is under way there already", o)
	}
	if !o.Kind.NeedsRight() {
		return
	}
	if r.lapsed || r.now >= r.until.Add(-Margin) {
		t.Fatalf("%s without right, %s after the deadline", o, r.now.Sub(r.until))
	}
	u, ok := r.ordered(o.Address)
	if !ok || u.Epoch < r.epochs[u.Resource] {
		t.Fatalf("%s: it is not ordered, or under epoch %d after %d", o, u.Epoch, r.epochs[u.Resource])
	}
	r.epochs[u.Resource] = u.Epoch
	if o.Kind == OpProbe && u.NoProbe {
		t.Fatalf("%s: nobody is to be asked", o)
	}
	if o.Kind != OpAdd {
		return
	}
	if at, ok := r.probed[o.Address]; !u.NoProbe && (!ok || r.now.Sub(at) > probeGood) {
		t.Fatalf("%s without a probe", o)
	}
	if r.gates[o.Address.Gated()] <= r.now {
		t.Fatalf("%s before a closed gate", o)
	}
	for a := range r.links {
		if a != o.Address && a.Prefix.Addr() == o.Address.Prefix.Addr() {
			t.Fatalf("%s while %s is there", o, a)
		}
	}
}

// finish ends one operation that is under way.
func (r *rig) finish(t *rapid.T, i int, how Outcome) {
	o := r.under[i]
	r.under = slices.Delete(r.under, i, i+1)
	var ev Event = Result{Op: o, Outcome: how, Detail: "no luck"}
	late := o.Kind.NeedsRight() && r.now >= r.machine.Until()
	switch {
	case late:
		ev = Result{Op: o, Outcome: Late}
	case how == Done:
		ev = r.act(o)
	case how == Failed && rapid.Bool().Draw(t, "carried out all the same"):
		r.act(o)
	}
	if res, ok := ev.(Result); ok && res.Outcome == Done && o.Kind == OpProbe {
		r.probed[o.Address] = r.now
	} else if o.Kind == OpProbe || o.Kind == OpAdd {
		delete(r.probed, o.Address)
	}
	r.step(t, ev)
}

func (r *rig) drawOrder(t *rapid.T) Order {
	o := Order{Number: r.order.Number + 1, Until: r.drawUntil(t)}
	left := slices.Clone(netAddresses)
	ips := map[netip.Addr]bool{}
	for _, name := range resources {
		u := Unit{Resource: name, Epoch: rapid.Uint64Range(1, 4).Draw(t, "epoch"), NoProbe: rapid.Bool().Draw(t, "no probe")}
		for range rapid.IntRange(0, 2).Draw(t, "addresses") {
			i := rapid.IntRange(0, len(left)-1).Draw(t, "address")
			if a := left[i]; !ips[a.Prefix.Addr()] {
				ips[a.Prefix.Addr()] = true
				u.Addresses = append(u.Addresses, a)
			}
		}
		if len(u.Addresses) > 0 {
			o.Units = append(o.Units, u)
		}
	}
	return o
}

func (r *rig) drawUntil(t *rapid.T) Instant {
	return r.now.Add(time.Duration(rapid.SampledFrom([]int64{-1000, 0, 5, 50, 700, 1700, 1700, 5000, 1e9}).Draw(t, "right")) * time.Millisecond)
}

// disturb does one thing that happens in the world.
func (r *rig) disturb(t *rapid.T) {
	a := rapid.SampledFrom(netAddresses).Draw(t, "where")
	switch rapid.IntRange(0, 11).Draw(t, "event") {
	case 0:
		r.step(t, r.drawOrder(t))
	case 1, 2:
		r.step(t, Extend{r.drawUntil(t)})
	case 3:
		r.strangers[a.Prefix.Addr()] = rapid.Bool().Draw(t, "stranger")
	case 4:
		delete(r.links, a)
		r.step(t, Changed{})
	case 5:
		r.step(t, LinkUp{a.Interface})
	case 6:
		r.step(t, rapid.SampledFrom([]Event{Attached{}, Lost{}}).Draw(t, "supervisor"))
	case 7, 8, 9:
		if len(r.under) > 0 {
			how := rapid.SampledFrom([]Outcome{Done, Done, Done, Done, Failed}).Draw(t, "outcome")
			r.finish(t, rapid.IntRange(0, len(r.under)-1).Draw(t, "which"), how)
		}
	default:
		r.now = min(r.machine.Due(), r.now.Add(time.Duration(rapid.Int64Range(1, 800).Draw(t, "ms"))*time.Millisecond))
		r.step(t, Tick{})
	}
}

// settle ends all that is under way, well, for a while.
func (r *rig) settle(t *rapid.T, span time.Duration) {
	for end := r.now.Add(span); r.now < end; {
		for len(r.under) > 0 {
			r.finish(t, 0, Done)
		}
		r.now = min(r.machine.Due(), end)
		r.step(t, Tick{})
	}
	for len(r.under) > 0 {
		r.finish(t, 0, Done)
	}
}

func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig()
		for _, a := range netAddresses {
			r.links[a.key()] = rapid.IntRange(0, 3).Draw(t, "left") == 0
			if !r.links[a.key()] {
				delete(r.links, a.key())
			}
		}
		for range rapid.IntRange(1, 120).Draw(t, "rounds") {
			r.disturb(t)
		}
		if rapid.Bool().Draw(t, "falls silent") {
			r.settle(t, max(r.until.Sub(r.now), 0)+3*time.Second)
			if len(r.links) > 0 || len(r.gates) > 0 {
				t.Fatalf("after the deadline there are %v behind %v", r.links, r.gates)
			}
			if !r.machine.Unused() {
				t.Fatalf("it has nothing and does not say so: %+v", r.machine.Status())
			}
			return
		}
		r.strangers = map[netip.Addr]bool{}
		units := []Unit{
			{Resource: "a", Epoch: 9, Addresses: netAddresses[2:4]},
			{Resource: "b", Epoch: 9, Addresses: netAddresses[4:]},
		}
		r.step(t, Order{Number: 999, Units: units, Until: r.now.Add(time.Minute)})
		r.settle(t, 20*time.Second)
		status := r.machine.Status()
		if !status.Holds("a", 9) || !status.Holds("b", 9) || status.Holds("b", 8) || !status.Gone("c") || status.Gone("a") {
			t.Fatalf("it does not hold what it should: %+v", status)
		}
		if len(r.links) != 3 || len(r.gates) != 3 || r.machine.Unused() {
			t.Fatalf("there are %v behind %v", r.links, r.gates)
		}
		r.step(t, Quit{})
		r.settle(t, time.Second)
		if !r.machine.Empty() || len(r.links) > 0 || len(r.gates) > 0 {
			t.Fatalf("it ended and left %v behind %v", r.links, r.gates)
		}
	})
}

// TestBounds gives a machine more than it takes.
func TestBounds(t *testing.T) {
	m := New()
	now := storyStart
	m.Step(now, Attached{})
	m.Step(now, Seen{})
	many := func(units, each int) []Unit {
		var all []Unit
		for i := range units {
			u := Unit{Resource: "r" + string(rune('A'+i%26)) + string(rune('A'+i/26)), Epoch: 1}
			for k := range each {
				addr := netip.AddrFrom4([4]byte{10, byte(i), byte(k), 1})
				u.Addresses = append(u.Addresses, Address{Prefix: netip.PrefixFrom(addr, 24), Interface: "eth0"})
			}
			all = append(all, u)
		}
		return all
	}
	for _, c := range []struct{ units, each, held int }{{UnitsMax, 2, UnitsMax}, {UnitsMax + 5, 1, UnitsMax}, {10, 100, 2}, {1, AddressesMax + 1, 0}} {
		m.Step(now, Order{Number: 1, Units: many(c.units, c.each), Until: now.Add(time.Second)})
		accepted := 0
		for _, u := range m.Status().Units {
			if u.Refused == "" {
				accepted++
			}
		}
		if accepted != c.held {
			t.Errorf("%d units of %d: %d are taken, not %d", c.units, c.each, accepted, c.held)
		}
	}
}

// BenchmarkExtend is what one heartbeat costs a guard: a deadline moves, and the gates follow.
func BenchmarkExtend(b *testing.B) {
	for _, addresses := range []int{1, 16, AddressesMax} {
		b.Run(strconv.Itoa(addresses), func(b *testing.B) {
			r := newRig()
			u := Unit{Resource: "a", Epoch: 1}
			for i := range addresses {
				addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
				u.Addresses = append(u.Addresses, Address{Prefix: netip.PrefixFrom(addr, 24), Interface: "eth0"})
			}
			ops := r.machine.Step(r.now, Attached{}, Order{Number: 1, Units: []Unit{u}, Until: r.now.Add(time.Second)})
			answer := func() {
				for len(ops) > 0 {
					var events []Event
					for _, o := range ops {
						if o.Kind != OpReport {
							events = append(events, r.act(o))
						}
					}
					ops = r.machine.Step(r.now, events...)
				}
			}
			answer()
			b.ReportAllocs()
			for b.Loop() {
				r.now = r.now.Add(50 * time.Millisecond)
				ops = r.machine.Step(r.now, Extend{r.now.Add(time.Second)})
				answer()
			}
			if !r.machine.Status().Holds("a", 1) {
				b.Fatal("it does not hold the addresses")
			}
		})
	}
}
