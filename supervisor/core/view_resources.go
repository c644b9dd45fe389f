// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/placement"
)

// resourceViews tells how each resource stands, and who could hold it.
func (c *Core) resourceViews(now time.Time) []cluster.ResourceView {
	if len(c.state.Spec.Resources) == 0 {
		return nil
	}
	ev, holds := c.machine.Evidence(now), placement.Holds(c.state)
	var out []cluster.ResourceView
	for _, spec := range c.state.Spec.Resources {
		r := c.state.Resource(spec.Name)
		v := cluster.ResourceView{
			Name: spec.Name, Holder: r.Holder, To: r.To, Epoch: r.Epoch, Given: r.Given, Since: r.Since, Disabled: r.Disabled, Decided: r.Reason, By: r.By,
			Requires: spec.Proof(), Failback: cmp.Or(spec.Failback, cluster.FailbackNever), Balancer: spec.Balancer, Pool: spec.Pool,
		}
		if spec.VIP != nil {
			v.Addresses, v.Interface = spec.VIP.Addresses, spec.VIP.Interface
		}
		for _, id := range c.state.Spec.Eligible(spec) {
			v.Candidates = append(v.Candidates, cluster.CandidateView{
				Node: id, Preferred: slices.Contains(spec.Prefer, id), Banned: slices.Contains(r.Banned, id), Holds: holds[id],
				Unfit: placement.Unfit(c.state, ev, spec, id),
			})
		}
		v.Next = placement.Heir(c.state, ev, holds, spec)
		v.State, v.Reason, v.Idle = c.standsAs(now, spec, r, ev)
		if r.Holder != "" && spec.Proof() == cluster.ProofLease {
			v.Takeover = cluster.Duration(c.cfg.Times.Terms.Lapse(c.classOf(r.Holder))).String()
		}
		out = append(out, v)
	}
	return out
}

// standsAs tells how a resource stands, why it does not stand better, and whether nobody uses it.
func (c *Core) standsAs(now time.Time, spec cluster.ResourceSpec, r cluster.Resource, ev placement.Evidence) (cluster.ResourceState, string, bool) {
	health, told := c.resourceSaid(r.Holder, spec.Name, r.Epoch)
	switch {
	case r.Holder == "" && r.Disabled:
		return cluster.ResourceDisabled, "an operator wants nobody to hold it", false
	case r.Holder == "":
		return cluster.ResourceNobody, c.whyNobody(spec, ev), false
	case c.state.Over(r):
		return cluster.ResourceLost, c.whyLost(spec, r, ev), false
	case c.unheard(now, r.Holder) != "":
		return cluster.ResourceUnheard, c.unheard(now, r.Holder), false
	case r.Leaving && told && health.State == bus.ResourceTrouble:
		return cluster.ResourceLeaving, health.Reason, false
	case r.Leaving:
		return cluster.ResourceLeaving, r.Reason, false
	case !told || health.State == bus.ResourceGone || health.State == bus.ResourceTaking:
		return cluster.ResourceTaking, health.Reason, false
	case health.State == bus.ResourceHeld:
		return cluster.ResourceHeld, health.Reason, health.Idle
	}
	return cluster.ResourceTrouble, cmp.Or(health.Reason, "it cannot be taken"), false
}

// resourceSaid is what the holder says about a resource in its present epoch.
func (c *Core) resourceSaid(holder cluster.NodeID, name string, epoch uint64) (bus.ResourceHealth, bool) {
	all := c.ownResources()
	if holder != c.cfg.Name {
		p, ok := c.peers[holder]
		if !ok {
			return bus.ResourceHealth{}, false
		}
		all = p.beat.Resources
	}
	i := slices.IndexFunc(all, func(h bus.ResourceHealth) bool { return h.Name == name && h.Epoch == epoch })
	if i < 0 {
		return bus.ResourceHealth{}, false
	}
	return all[i], true
}

// whyNobody tells why no node is given a resource.
func (c *Core) whyNobody(spec cluster.ResourceSpec, ev placement.Evidence) string {
	var why []string
	for _, id := range c.state.Spec.Eligible(spec) {
		unfit := placement.Unfit(c.state, ev, spec, id)
		if unfit == "" {
			return fmt.Sprintf("node %s can hold it, and is about to get it", id)
		}
		if !slices.Contains(why, unfit) {
			why = append(why, unfit)
		}
	}
	return strings.Join(why, "; ")
}

// whyLost tells what is still missing until a lost holder's resource is given to another node.
func (c *Core) whyLost(spec cluster.ResourceSpec, r cluster.Resource, ev placement.Evidence) string {
	life := fmt.Sprintf("node %s %s", r.Holder, c.state.Node(r.Holder).Life.Words())
	if c.state.Node(r.Holder).Life == cluster.LifeAlive {
		life = fmt.Sprintf("node %s began another life", r.Holder)
	}
	if spec.Proof() == cluster.ProofLease {
		voters, said := c.state.Spec.Voters(), c.state.Spec.Against(r.Holder, ev.Lapsed[r.Life])
		if need := len(voters)/2 + 1; said < need {
			return fmt.Sprintf("%s; %d of %d voters say that its right has run out, %d needed", life, said, len(voters), need)
		}
	}
	if nobody := c.whyNobody(spec, ev); nobody != life {
		return life + "; " + strings.TrimPrefix(nobody, life+"; ")
	}
	return life
}

// classOf returns what class a node says it has.
func (c *Core) classOf(id cluster.NodeID) lease.Class {
	if id == c.cfg.Name {
		return c.class
	}
	if p, ok := c.peers[id]; ok {
		return lease.Class(p.beat.Class)
	}
	return ""
}

func resourceProblem(r cluster.ResourceView) string {
	switch r.State {
	case cluster.ResourceHeld, cluster.ResourceLeaving, cluster.ResourceDisabled, cluster.ResourceTaking:
		return ""
	case cluster.ResourceNobody:
		return fmt.Sprintf("resource %s is held by nobody%s", r.Name, colon(r.Reason))
	case cluster.ResourceTrouble:
		return fmt.Sprintf("resource %s is in trouble on %s%s", r.Name, r.Holder, colon(r.Reason))
	case cluster.ResourceLost:
		return fmt.Sprintf("resource %s has lost its holder%s", r.Name, colon(r.Reason))
	case cluster.ResourceUnheard:
		return fmt.Sprintf("resource %s may be held by nobody%s", r.Name, colon(r.Reason))
	}
	return ""
}
