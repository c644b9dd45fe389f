// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestLookAt shows that a wait ends only when every balancer says so itself.
func TestLookAt(t *testing.T) {
	const member = 2 // n3
	drained := func(v *cluster.View) {
		for i := range v.Pools[0].Members[member].Servers {
			v.Pools[0].Members[member].Servers[i].Phase = "drained"
		}
	}
	for name, c := range map[string]struct {
		change func(*cluster.View)
		still  string // empty = done
	}{
		"ready is not drained": {func(*cluster.View) {}, "lb@n1 ready; lb@n2 ready"},
		"both are drained":     {drained, ""},
		"one is out by itself": {func(v *cluster.View) {
			drained(v)
			v.Pools[0].Members[member].Servers[1].Phase = "out"
		}, ""},
		"sessions are left": {func(v *cluster.View) {
			drained(v)
			v.Pools[0].Members[member].Servers[0].Phase, v.Pools[0].Members[member].Servers[0].Sessions = "draining", 12
		}, "lb@n1 draining, 12 sessions"},
		"the floor holds it": {func(v *cluster.View) {
			drained(v)
			v.Pools[0].Members[member].Servers[0].Phase, v.Pools[0].Members[member].Servers[0].Reason = "held", "1 ready, floor 1"
		}, "lb@n1 keeps it in service: the drain floor: 1 ready, floor 1"},
		"one does not know it": {func(v *cluster.View) {
			drained(v)
			v.Pools[0].Members[member].Servers[1].Phase = "missing"
		}, "lb@n2 does not know the server"},
		"one is not in step": {func(v *cluster.View) {
			drained(v)
			v.Balancers[1].InStep, v.Balancers[1].Reason = false, "no answer within 1s"
		}, "lb@n2 is not in step: no answer within 1s"},
		"one is not heard of": {func(v *cluster.View) {
			drained(v)
			v.Balancers = v.Balancers[:1]
		}, "lb@n2 is not heard of"},
		"one says nothing": {func(v *cluster.View) {
			drained(v)
			v.Pools[0].Members[member].Servers = v.Pools[0].Members[member].Servers[:1]
		}, "lb@n2 says nothing about it yet"},
		"the member is gone": {func(v *cluster.View) { v.Pools = nil }, "lb@n1 says nothing about it yet; lb@n2 says nothing about it yet"},
		"there is no quorum": {func(v *cluster.View) {
			drained(v)
			v.Quorum.Holds = false
		}, "this node has no quorum: nothing is changed until it is back"},
	} {
		t.Run(name, func(t *testing.T) {
			view := wellView(moment)
			c.change(&view)
			e := errand{done: []phase{phaseDrained, phaseOut}, members: []cluster.MemberID{{Pool: "web", Member: "n3"}}}
			got := e.lookAt(shop(), view)
			if got.still != c.still || got.done != (c.still == "") {
				t.Errorf("got done %v, still %q; want %q", got.done, got.still, c.still)
			}
			if where := strings.Join(got.where, " "); where != "lb@n1 lb@n2" {
				t.Errorf("it looks at %s", where)
			}
		})
	}
}

// TestLookAtOthers leaves members alone that were asked for something else.
func TestLookAtOthers(t *testing.T) {
	view := wellView(moment)
	view.Pools[0].Members[0].Admin = cluster.AdminMaint
	for i := range view.Pools[0].Members[0].Servers {
		view.Pools[0].Members[0].Servers[i].Phase = "out"
	}
	e := errand{done: []phase{phaseReady}, members: []cluster.MemberID{{Pool: "web", Member: "n1"}, {Pool: "web", Member: "n2"}}}
	if got := e.lookAt(shop(), view); got.still != "web/n1 on lb@n1 out; web/n1 on lb@n2 out" {
		t.Errorf("all: %q", got.still)
	}
	e.only = cluster.AdminReady
	if got := e.lookAt(shop(), view); !got.done {
		t.Errorf("only those that were asked: %q", got.still)
	}
}

func TestRollout(t *testing.T) {
	view := wellView(moment)
	view.Revision = 5
	for i, r := range []uint64{5, 4, 3} {
		view.Nodes[i].Revision = r
	}
	view.Nodes[2].Life = "down"
	r := rolloutOf(view, 5)
	if r.run != 1 || strings.Join(r.lag, ",") != "n2 (alive, revision 4)" || strings.Join(r.away, ",") != "n3 (down)" {
		t.Errorf("%+v", r)
	}
	view.Nodes = nil
	view.Revision = 4
	if r := rolloutOf(view, 5); len(r.lag) != 1 {
		t.Errorf("a node that has not read its own revision: %+v", r)
	}
}
