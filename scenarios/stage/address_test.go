// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/scenarios/stage"
)

// TestAddress plays on a pair of HAProxies with an address that clients ask, and one that stands elsewhere.
func TestAddress(t *testing.T) {
	p := open(t, stage.Options{Name: "stgvip", Cluster: script.Cluster{
		Web: 1, Balancers: 2, Plain: 1, Clients: 50, ClientsTo: "vip",
		Resources: []script.Resource{
			{Name: "vip", Nodes: []string{"lb1", "lb2"}, Prefer: []string{"lb2"}, Balancer: true}, {Name: "ip-2", Nodes: []string{"web1", "lb1"}, Prefer: []string{"web1"}, Failback: "immediately"},
		},
	}})
	on := func(resource, node string) script.Cond { return cond(script.ResourceOn, resource, node) }
	twice := cond(script.ResourceTwice, "vip", "")
	p.expect(on("vip", "lb2"), on("ip-2", "web1"), cond(script.Answered, "", ""), cond(script.ResourceGone, "vip", "lb1"))
	p.not(twice, on("vip", "lb1"), cond(script.ResourceNobody, "vip", ""), cond(script.ResourceGone, "vip", "lb2"))

	for _, f := range []script.Fault{
		{Kind: script.KillGuard, Node: "wit1"},
		{Kind: script.PauseGuard, Node: "app1", For: time.Second},
		{Kind: script.AddByHand, Node: "web1", Peer: "vup"},
		{Kind: script.AddByHand, Node: "lb2", Peer: "vip"},
		{Kind: script.DelByHand, Node: "app1", Peer: "vip"},
	} {
		if err := p.stage.Fault(p.Context(), f); err == nil {
			p.Errorf("%s is done", f)
		}
	}
	p.expect(cond(script.ResourceOn, "vip", "lb2"))

	move := script.Order{Verb: script.Move, Target: "vip", Node: "lb1"}
	if err := p.stage.Order(p.Context(), move); err != nil {
		p.Fatal(err)
	}
	p.expect(on("vip", "lb1"), cond(script.Answered, "", ""))
	p.refused(move, "on node lb1 already")
	p.refused(script.Order{Verb: script.Move, Target: "vip", Node: "web1"}, "does not let node web1 hold it")
	p.order(script.Disable, "vip")
	p.expect(cond(script.ResourceNobody, "vip", ""), script.Cond{Kind: script.ResourceIs, Target: "vip", State: "disabled"})
	p.do(script.Fault{Kind: script.AddByHand, Node: "app1", Peer: "vip"})
	p.order(script.Enable, "vip")
	p.expect(script.Cond{Kind: script.ResourceIs, Target: "vip", State: "trouble"})
	p.do(script.Fault{Kind: script.DelByHand, Node: "app1", Peer: "vip"})
	p.expect(script.Cond{Kind: script.ResourceIs, Target: "vip", State: "held"}, cond(script.Answered, "", ""))

	p.do(script.Fault{Kind: script.PauseGuard, Node: "web1", For: time.Second})
	p.fault(script.KillGuard, "web1")
	p.fault(script.PowerOff, "web1")
	p.expect(on("ip-2", "lb1"), cond(script.ResourceGone, "ip-2", "web1"))
	p.fault(script.Start, "web1")
	p.expect(on("ip-2", "web1"), well)
	p.await(twice, false)

	moments, err := p.stage.Moments(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	if m := p.found(moments, "vip", "vip: lb2"); m.At != 0 || m.State != script.HeldBy("lb2") {
		p.Errorf("%+v", m)
	}
	p.found(moments, "ip-2", "ip-2: web1 → lb1")
	p.found(moments, "vip", string(script.StateNobody))
	p.found(moments, "fault", "add vip by hand on app1")
	p.found(moments, "operator", "move vip to lb1")
}
