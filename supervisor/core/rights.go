// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// hold tells the guard what this node holds. Before the node has read that its present life is let in it tells nothing: what the
// guard has of a former life it keeps until its deadline, and nobody else has it meanwhile.
func (c *Core) hold() {
	if !c.rightsChanged || !c.admitted() {
		return
	}
	c.rightsChanged = false
	links, needed := c.mayHold()
	if c.orders == 0 && !needed {
		return
	}
	var out []Holding
	epochs := map[string]uint64{}
	c.moving = false
	for _, spec := range c.state.Spec.Resources {
		if spec.VIP == nil {
			continue
		}
		r := c.state.Resource(spec.Name)
		moved := len(spec.VIP.Command) > 0
		c.moving = c.moving || moved
		switch {
		case c.ours(r) && !r.Leaving && c.halted == "":
			out = append(out, Holding{Resource: spec.Name, Epoch: r.Epoch, VIP: *spec.VIP, Failback: spec.Failback})
		case moved && r.Holder != "" && r.Holder != c.cfg.Name:
			epochs[spec.Name] = r.Epoch
		}
	}
	if c.orders > 0 && slices.EqualFunc(out, c.holdings, Holding.equal) && slices.Equal(links, c.links) && maps.Equal(epochs, c.epochs) {
		return
	}
	c.orders++
	c.holdings, c.links, c.epochs = out, links, epochs
	c.out.Holdings, c.out.Links, c.out.Epochs, c.out.NewHoldings = out, links, epochs, true
}

// mayHold names the interfaces on which this node may come to hold something, and tells whether it needs a guard at all.
func (c *Core) mayHold() (links []string, needed bool) {
	for _, spec := range c.state.Spec.Resources {
		if spec.VIP == nil || !slices.Contains(c.state.Spec.Eligible(spec), c.cfg.Name) {
			continue
		}
		needed = true
		if !slices.Contains(links, spec.VIP.Interface) {
			links = append(links, spec.VIP.Interface)
		}
	}
	for _, name := range c.resources {
		needed = needed || c.state.Resource(name).Holder == c.cfg.Name
	}
	return links, needed
}

// admitted tells whether the log has let in the life that this node lives in, be it over by now.
func (c *Core) admitted() bool {
	me := c.state.Node(c.cfg.Name)
	return me.Install == c.install && me.Boot == c.boot
}

// living tells whether that life goes on.
func (c *Core) living() bool {
	return c.admitted() && c.state.Node(c.cfg.Name).Life == cluster.LifeAlive
}

// ours tells whether a resource is held by this life of this node.
func (c *Core) ours(r cluster.Resource) bool {
	return r.Holder == c.cfg.Name && c.living() && r.Life == c.state.Node(c.cfg.Name).Epoch
}

// right tells the guard when the right to hold anything ends, if nothing more is heard, and remembers that it was told. Where
// commands move addresses it is told even while nothing is held: a command that takes away what was let go needs it as well.
func (c *Core) right() {
	c.out.Order = c.orders
	if !c.backed.IsZero() && c.orders > 0 && (len(c.holdings) > 0 || c.moving) && c.living() {
		c.out.HoldSince, c.out.HoldUntil = c.backed, c.cfg.Times.Terms.Until(c.backed)
		if c.backed.After(c.told) {
			c.told = c.backed
		}
	}
	for _, h := range c.holdings {
		c.allowed[h.Resource] = c.told // a deadline that was told holds for what is ordered next as well
	}
}

// guarded takes what the guard says, and tells the others what is new.
func (c *Core) guarded(in Guarded) {
	news := c.guard.Class != in.Class || !slices.Equal(c.guard.Units, in.Units) || !slices.Equal(c.guard.Lacks, in.Lacks)
	c.guard = in
	if c.class == "" {
		c.class = in.Class
	} else if in.Class != "" {
		c.class = c.class.Worse(in.Class)
	}
	c.urgent = c.urgent || news
	c.letGo(c.now)
}

// letGo records what this installation does not hold any more and should not, once nothing of it is left here.
func (c *Core) letGo(now time.Time) {
	if len(c.resources) == 0 || !c.admitted() || c.orders == 0 {
		return
	}
	for _, name := range c.resources {
		r := c.state.Resource(name)
		if r.Holder != c.cfg.Name || r.Install != c.install || c.ours(r) && !r.Leaving || !c.released(now, name) {
			continue
		}
		if last, ok := c.gone[name]; ok && last.epoch == r.Epoch && now.Sub(last.at) < proposeRetry {
			continue
		}
		c.gone[name] = parting{r.Epoch, now}
		c.proposeOwn(cluster.LetGo{Resource: name, Epoch: r.Epoch, Node: c.cfg.Name, Reason: "node " + string(c.cfg.Name) + " has nothing of it any more"})
	}
}

// released tells whether nothing of a resource, which the guard is not to hold, is left on this machine: the guard says so, or
// the last moment has passed until which it was ever allowed to. A guard that is dead or stopped says nothing, and the kernel
// ends by then what it left.
func (c *Core) released(now time.Time, name string) bool {
	if c.guard.Order >= c.orders {
		return !c.guards(name)
	}
	last := c.started // a former process told it nothing later
	if at, ok := c.allowed[name]; ok {
		last = at
	}
	return now.After(last.Add(c.cfg.Times.Terms.Gone(c.class)))
}

// guards tells whether the guard has anything of a resource.
func (c *Core) guards(name string) bool {
	return slices.ContainsFunc(c.guard.Units, func(u Unit) bool { return u.Resource == name && u.State != bus.ResourceGone })
}

// parting is a proposal that a resource was let go.
type parting struct {
	epoch uint64
	at    time.Time
}

// lapse finds the lives that held something and of which nothing can act any more, as far as this voter is concerned. Their being
// over is in our log, so that we never acknowledge them again.
func (c *Core) lapse(now time.Time) {
	var out []bus.Lapse
	c.lapseDue = time.Time{}
	if len(c.resources) == 0 && len(c.lapsed) == 0 || !slices.Contains(c.voters, string(c.cfg.Name)) {
		return
	}
	for _, name := range c.resources {
		r := c.state.Resource(name)
		l := bus.Lapse{Node: string(r.Holder), Life: r.Life}
		if r.Holder == c.cfg.Name || !c.state.Over(r) || slices.Contains(out, l) {
			continue
		}
		due := c.promises.Due(string(r.Holder), r.Install, r.Boot, c.cfg.Times.Terms)
		switch {
		case now.After(due):
			if len(out) < bus.MaxLapsed {
				out = append(out, l)
			}
		case c.lapseDue.IsZero() || due.Before(c.lapseDue):
			c.lapseDue = due.Add(time.Nanosecond)
		}
	}
	if !slices.Equal(out, c.lapsed) {
		c.lapsed, c.urgent = out, true
	}
}

// ownResources is what this node says about resources: those that it holds or lets go of, and those that it could not hold.
func (c *Core) ownResources() []bus.ResourceHealth {
	var out []bus.ResourceHealth
	add := func(h bus.ResourceHealth) {
		if len(out) < bus.MaxResources {
			out = append(out, h)
		}
	}
	for _, u := range c.guard.Units {
		h := bus.ResourceHealth{Name: u.Resource, Epoch: u.Epoch, State: u.State, Reason: u.Reason, Idle: u.Idle}
		if why := c.lack(u.Resource); why != "" && u.State != bus.ResourceGone {
			h.State, h.Reason = bus.ResourceTrouble, why
		}
		add(h)
	}
	if len(c.guard.Lacks) == 0 {
		return out
	}
	for _, spec := range c.state.Spec.Resources {
		told := slices.ContainsFunc(out, func(h bus.ResourceHealth) bool { return h.Name == spec.Name })
		if why := c.lack(spec.Name); why != "" && !told && slices.Contains(c.state.Spec.Eligible(spec), c.cfg.Name) {
			add(bus.ResourceHealth{Name: spec.Name, State: bus.ResourceTrouble, Reason: why})
		}
	}
	return out
}

// lack tells why this node's link cannot carry the addresses of a resource; empty if it can.
func (c *Core) lack(resource string) string {
	spec, ok := c.state.Spec.Resource(resource)
	if !ok || spec.VIP == nil {
		return ""
	}
	i := slices.IndexFunc(c.guard.Lacks, func(l Lack) bool { return l.Link == spec.VIP.Interface })
	if i < 0 {
		return ""
	}
	return c.guard.Lacks[i].Why
}

// rights is what a heartbeat says that bears on who holds what.
func (c *Core) rights(hb *bus.Heartbeat) failover.Rights {
	var r failover.Rights
	if len(c.state.Spec.Resources) == 0 {
		return r
	}
	for _, l := range hb.Lapsed {
		r.Lapsed = append(r.Lapsed, failover.Lapse{Node: cluster.NodeID(l.Node), Life: l.Life})
	}
	for _, b := range hb.Balancers {
		t := failover.Trouble{Name: b.Name}
		if b.Lost {
			t.Why = cmp.Or(b.Error, "it does not answer")
		}
		r.Balancers = append(r.Balancers, t)
	}
	for _, h := range hb.Resources {
		switch {
		case h.State == bus.ResourceTrouble:
			r.Troubles = append(r.Troubles, failover.Trouble{Name: h.Name, Why: cmp.Or(h.Reason, "it cannot be taken")})
		case h.State == bus.ResourceHeld && h.Idle:
			r.Idle = append(r.Idle, h.Name)
		}
	}
	return r
}
