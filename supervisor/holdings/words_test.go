// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// at is an address of these tests in a phase.
func at(prefix string, phase guard.Phase, why string) guard.AddressStatus {
	return guard.AddressStatus{Address: guard.Address{Prefix: netip.MustParsePrefix(prefix), Interface: "eth0"}, Phase: phase, Why: why}
}

// unitAs is what a guard says of a resource of one address.
func unitAs(phase guard.Phase) guard.UnitStatus {
	return guard.UnitStatus{Resource: "vip", Epoch: 3, Addresses: []guard.AddressStatus{at("10.0.0.100/24", phase, "")}}
}

// holding is that resource as the core gives it.
func holding() core.Holding {
	return core.Holding{Resource: "vip", Epoch: 3, VIP: cluster.VIPSpec{Addresses: []string{"10.0.0.100/24"}, Interface: "eth0"}}
}

func TestUnits(t *testing.T) {
	v := cluster.VIPSpec{Addresses: []string{"10.0.0.100/24", "no address", "2001:db8::100/64"}, Interface: "eth0", Label: "eth0:web"}
	moved := v
	moved.Command, moved.Label = []string{"/bin/move"}, ""
	four, six := netip.MustParsePrefix("10.0.0.100/24"), netip.MustParsePrefix("2001:db8::100/64")
	want := []guard.Unit{
		{Resource: "a", Epoch: 1, Addresses: []guard.Address{{Prefix: four, Interface: "eth0", Label: "eth0:web"}, {Prefix: six, Interface: "eth0"}}},
		{Resource: "b", Epoch: 2, NoProbe: true, Addresses: []guard.Address{{Prefix: four, Interface: "eth0"}, {Prefix: six, Interface: "eth0"}}},
	}
	got := Units([]core.Holding{{Resource: "a", Epoch: 1, VIP: v}, {Resource: "b", Epoch: 2, VIP: moved}})
	if diff := cmp.Diff(want, got, prefixes); diff != "" {
		t.Error(diff)
	}
}

// TestStates has a row for each phase, and for what phases together come to.
func TestStates(t *testing.T) {
	const a, b = "10.0.0.100/24", "10.0.0.101/24"
	for name, c := range map[string]struct {
		unit          guard.UnitStatus
		state, reason string
	}{
		"waiting":            {with(at(a, guard.Waiting, "its turn comes")), bus.ResourceTaking, "10.0.0.100/24 on eth0: its turn comes"},
		"probing":            {with(at(a, guard.Probing, "")), bus.ResourceTaking, ""},
		"adding":             {with(at(a, guard.Adding, "")), bus.ResourceTaking, ""},
		"releasing":          {with(at(a, guard.Releasing, "it is not ordered any more")), bus.ResourceTaking, "10.0.0.100/24 on eth0: it is not ordered any more"},
		"held":               {with(at(a, guard.Held, "")), bus.ResourceHeld, ""},
		"held, with a flaw":  {with(at(a, guard.Held, "no announcement")), bus.ResourceHeld, "10.0.0.100/24 on eth0: no announcement"},
		"lapsed":             {with(at(a, guard.Lapsed, "the deadline has passed")), bus.ResourceGone, "10.0.0.100/24 on eth0: the deadline has passed"},
		"failing":            {with(at(a, guard.Failing, "no luck")), bus.ResourceTrouble, "10.0.0.100/24 on eth0: no luck"},
		"contested":          {with(at(a, guard.Contested, "02:07 has it")), bus.ResourceTrouble, "10.0.0.100/24 on eth0: 02:07 has it, as an answer to our probe says; it is not fought for"},
		"contested by whom":  {with(at(a, guard.Contested, "")), bus.ResourceTrouble, "10.0.0.100/24 on eth0: somebody has it, as an answer to our probe says; it is not fought for"},
		"refused":            {guard.UnitStatus{Refused: "its epoch is old", Addresses: []guard.AddressStatus{at(a, guard.Releasing, "")}}, bus.ResourceTrouble, "its epoch is old"},
		"nothing of it":      {with(), bus.ResourceGone, ""},
		"held in part":       {with(at(a, guard.Held, ""), at(b, guard.Adding, "soon")), bus.ResourceTaking, "10.0.0.101/24 on eth0: soon"},
		"one of two is gone": {with(at(a, guard.Held, ""), at(b, guard.Lapsed, "over")), bus.ResourceHeld, ""},
		"the worst of three": {with(at(a, guard.Failing, "no luck"), at(b, guard.Adding, "soon"), at(a, guard.Held, "")), bus.ResourceTrouble, "10.0.0.100/24 on eth0: no luck"},
		"the first reason":   {with(at(a, guard.Adding, ""), at(b, guard.Waiting, "in turn")), bus.ResourceTaking, "10.0.0.101/24 on eth0: in turn"},
		"an unknown phase":   {with(at(a, guard.Phase("new"), "what is that")), bus.ResourceTaking, "10.0.0.100/24 on eth0: what is that"},
	} {
		if state, reason := stateOf(c.unit); state != c.state || reason != c.reason {
			t.Errorf("%s: %q since %q, want %q since %q", name, state, reason, c.state, c.reason)
		}
	}
}

func with(addresses ...guard.AddressStatus) guard.UnitStatus {
	return guard.UnitStatus{Resource: "vip", Epoch: 3, Addresses: addresses}
}

// TestNobodysAddresses: what a guard found and nobody ordered belongs to no resource, and as long as it is there nobody can say which
// one is gone.
func TestNobodysAddresses(t *testing.T) {
	nobodys := guard.UnitStatus{Addresses: []guard.AddressStatus{at("10.0.0.7/24", guard.Releasing, "")}}
	for name, c := range map[string]struct {
		status  guard.Status
		Vouches bool
		units   []core.Unit
	}{
		"not looked yet":      {guard.Status{}, false, nil},
		"nothing there":       {guard.Status{Looked: true}, true, nil},
		"ours":                {guard.Status{Looked: true, Units: []guard.UnitStatus{unitAs(guard.Held)}}, true, []core.Unit{{Resource: "vip", Epoch: 3, State: bus.ResourceHeld}}},
		"nobody's":            {guard.Status{Looked: true, Units: []guard.UnitStatus{nobodys}}, false, nil},
		"nobody's, with none": {guard.Status{Looked: true, Units: []guard.UnitStatus{{}}}, true, nil},
	} {
		if Vouches(c.status) != c.Vouches {
			t.Errorf("%s: it Vouches: %t", name, !c.Vouches)
		}
		if diff := cmp.Diff(c.units, States(c.status), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
