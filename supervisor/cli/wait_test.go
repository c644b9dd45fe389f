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
			e := memberErrand{
				spec: shop(), done: []phase{phaseDrained, phaseOut}, stands: always, members: []cluster.MemberID{{Pool: "web", Member: "n3"}},
			}
			want := look{goesYet, c.still}
			if c.still == "" {
				want = look{isDone, " on lb@n1, lb@n2"}
			}
			if got := e.look(view); got != want {
				t.Errorf("got %+v, want %+v", got, want)
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
	e := memberErrand{spec: shop(), done: []phase{phaseReady}, stands: always, members: []cluster.MemberID{{Pool: "web", Member: "n1"}, {Pool: "web", Member: "n2"}}}
	if got := e.look(view); got.says != "web/n1 on lb@n1 out; web/n1 on lb@n2 out" {
		t.Errorf("all: %+v", got)
	}
	e.only = cluster.AdminReady
	if got := e.look(view); got.end != isDone {
		t.Errorf("only those that were asked: %+v", got)
	}
}

// TestLookAtEmptied waits for the resources of a node too.
func TestLookAtEmptied(t *testing.T) {
	view := heldView()
	e := memberErrand{spec: shop(), empties: "n1", stands: always}
	if got := e.look(view); got != (look{goesYet, "resource vip: n1 holds it"}) {
		t.Errorf("it is there: %+v", got)
	}
	view.Resources[0].Holder = "n2"
	if got := e.look(view); got.end != isDone {
		t.Errorf("it has left: %+v", got)
	}
}

// TestLookAtSuperseded ends a wait for what nobody wants any more, and begins with a view that does not know it yet.
func TestLookAtSuperseded(t *testing.T) {
	asked := false
	e := memberErrand{verb: "drain", stands: func(cluster.View) bool { return asked }}
	if got := e.look(wellView(moment)); got != (look{}) {
		t.Errorf("before it is known: %+v", got)
	}
	asked = true
	if got := e.look(wellView(moment)); got.end != isDone {
		t.Errorf("while it stands: %+v", got)
	}
	asked = false
	if got := e.look(wellView(moment)); got != superseded("drain") {
		t.Errorf("when it does not stand any more: %+v", got)
	}
}

func always(cluster.View) bool { return true }

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
