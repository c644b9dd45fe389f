// SPDX-License-Identifier: Apache-2.0

package core

import (
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// serversTold bounds the servers that a heartbeat tells about, per balancer;
// those that are plainly ready are left out.
const serversTold = 128

// beatIfUrgent sends a heartbeat before its time when there is news.
func (c *Core) beatIfUrgent(now time.Time) bool {
	if !c.urgent || now.Before(c.pacer.newsAt()) {
		return false
	}
	c.beat(now)
	return true
}

// beat sends a heartbeat.
func (c *Core) beat(now time.Time) {
	hb := &bus.Heartbeat{
		Epoch: c.state.Node(c.cfg.Name).Epoch, Revision: c.state.Revision, Applied: c.applied,
		Leader: string(c.leader), Leaving: c.leaving, SentUnixMs: now.UnixMilli(), Version: c.cfg.Version,
		Seen: c.seenVector(), Members: c.ownMembers(), Balancers: c.ownBalancers(), Rails: c.ownRails(),
		Class: string(c.guard.Class), Lapsed: c.lapsed, Resources: c.ownResources(),
	}
	c.urgent = false
	c.pacer.beaten(now)
	seq := c.send("", hb)
	c.book.Sent(seq, now)
	c.consider(c.selfReport(seq, hb))
}

func (c *Core) ownMembers() []bus.MemberHealth {
	out := make([]bus.MemberHealth, len(c.mine))
	for i, h := range c.mine {
		out[i] = bus.MemberHealth{
			Pool: h.id.Pool, Member: h.id.Member, State: string(h.condition), Reason: h.reason,
			SinceUnixMs: h.since.UnixMilli(), N: h.n,
		}
	}
	return out
}

func (c *Core) ownBalancers() []bus.BalancerHealth {
	var out []bus.BalancerHealth
	for _, name := range c.balancers {
		r, ok := c.reports[name]
		if !ok {
			continue
		}
		b := bus.BalancerHealth{
			Name: r.Name, InStep: r.InStep, Lost: r.Lost, SinceUnixMs: r.Since.UnixMilli(), Error: r.Reason,
			Drift: r.Drift, Pending: r.Pending, Epoch: r.Epoch,
		}
		for _, s := range r.Servers {
			if s.Phase != "ready" && len(b.Servers) < serversTold {
				b.Servers = append(b.Servers, bus.ServerHealth{
					Backend: s.Backend, Server: s.Name, Admin: s.Admin, Weight: s.Weight,
					Sessions: s.Sessions, Phase: s.Phase, Reason: s.Reason,
				})
			}
		}
		out = append(out, b)
	}
	return out
}

func (c *Core) ownRails() []bus.RailHealth {
	out := make([]bus.RailHealth, len(c.rails))
	for i, r := range c.rails {
		out[i] = bus.RailHealth{Name: r.Name, Up: r.Up, Peers: r.Peers}
	}
	return out
}

// selfReport is our own heartbeat, for our own machine.
func (c *Core) selfReport(seq uint64, hb *bus.Heartbeat) failover.Report {
	r := failover.Report{Node: c.cfg.Name, Install: c.install, Boot: c.boot, Seq: seq, Leaving: c.leaving, Rights: c.rights(hb)}
	r.Members = make([]failover.MemberReport, len(c.mine))
	for i, h := range c.mine {
		r.Members[i] = failover.MemberReport{ID: h.id, Condition: h.condition, Reason: h.reason}
	}
	return r
}

// heartbeat takes the heartbeat of another node.
func (c *Core) heartbeat(in Heard, hb *bus.Heartbeat) {
	if c.over(in.Envelope) {
		return
	}
	c.acknowledged(in.Envelope, hb)
	if c.twin(in) {
		c.consider(c.report(in.Envelope, hb))
		return
	}
	if hb.Class != "" {
		c.promises.Guarded(in.Envelope.From, in.Envelope.Install, in.Envelope.Boot, lease.Class(hb.Class))
	}
	from := cluster.NodeID(in.Envelope.From)
	if c.late(in.Envelope) {
		return // we know better already
	}
	old, known := c.peers[from]
	c.peers[from] = peer{in.Envelope, hb, in.At}
	if from == c.leader {
		c.pacer.lead(in.At)
	}
	c.remember(from, hb)
	c.watch(in.At)
	if v, changed := c.detector.Beat(in.At, in.Envelope.From, in.Envelope.Boot); changed {
		c.verdict(v)
	}
	c.consider(c.report(in.Envelope, hb))
	if !known || old.env.Boot != in.Envelope.Boot || old.beat.Leaving != hb.Leaving || !slices.EqualFunc(old.beat.Members, hb.Members, sameHealth) {
		c.dirty = true
	}
}

// installsKept is of how many installations of a node it is remembered what they said last: the admitted one, and one that wants
// its place, more than once.
const installsKept = 4

// late tells whether a heartbeat is older than another one of its installation, be it that a second installation of the node was
// heard meanwhile.
func (c *Core) late(env bus.Envelope) bool {
	from := cluster.NodeID(env.From)
	is := sighting{env.Install, env.Boot, env.Seq}
	i := slices.IndexFunc(c.spoke[from], func(s sighting) bool { return s.install == is.install })
	if i < 0 {
		if len(c.spoke[from]) == installsKept {
			c.spoke[from] = slices.Delete(c.spoke[from], 0, 1)
		}
		c.spoke[from] = append(c.spoke[from], is)
		return false
	}
	if was := c.spoke[from][i]; is.boot < was.boot || is.boot == was.boot && is.seq < was.seq {
		return true
	}
	c.spoke[from][i] = is
	return false
}

// over tells whether a heartbeat is of a life in whose place another installation was admitted. A later life of that one would be
// somebody who put the former disk back.
func (c *Core) over(env bus.Envelope) bool {
	return c.state.Node(cluster.NodeID(env.From)).Replaced(env.Install, env.Boot)
}

// twin tells whether the heartbeat is nobody's whom we listen to: it comes from a
// second installation that uses the name of a node which is heard as well, or
// from a node that is not in the cluster file. Only the machine hears of it.
func (c *Core) twin(in Heard) bool {
	from := cluster.NodeID(in.Envelope.From)
	if !c.concerns(from) {
		return true
	}
	admitted, old := c.state.Node(from).Install, c.peers[from]
	return in.Envelope.Install != admitted && old.env.Install == admitted && admitted != 0 &&
		in.At.Sub(old.at) <= c.cfg.Times.SuspectAfter
}

func sameHealth(a, b bus.MemberHealth) bool {
	return a.N == b.N && a.Pool == b.Pool && a.Member == b.Member && a.State == b.State
}

func (c *Core) report(env bus.Envelope, hb *bus.Heartbeat) failover.Report {
	r := failover.Report{
		Node: cluster.NodeID(env.From), Install: env.Install, Boot: env.Boot, Seq: env.Seq, Leaving: hb.Leaving, Rights: c.rights(hb),
	}
	r.Members = make([]failover.MemberReport, len(hb.Members))
	for i, m := range hb.Members {
		r.Members[i] = failover.MemberReport{
			ID: cluster.MemberID{Pool: m.Pool, Member: m.Member}, Condition: cluster.Condition(m.State), Reason: m.Reason,
		}
	}
	return r
}

// settle hands the balancers their duties when anything changed that they rest on.
func (c *Core) settle(now time.Time) {
	if !c.dirty {
		return
	}
	c.checkAuthority(now)
	c.out.Duties, c.out.NewDuties = converge.Duties(c.cfg.Name, c.state, c.evidence(now)), true
	c.dirty = false
}

// remember keeps the last word of a node that one of its members is down, until
// the node says that it is up: the node may die before the log has recorded it,
// and its next life knows nothing before its first probe.
func (c *Core) remember(from cluster.NodeID, hb *bus.Heartbeat) {
	for _, h := range hb.Members {
		if h.Member != string(from) {
			continue
		}
		switch id := (cluster.MemberID{Pool: h.Pool, Member: h.Member}); h.State {
		case bus.StateDown:
			c.lastDown[id] = converge.Health{Condition: cluster.Down, Reason: h.Reason, Since: h.SinceUnixMs}
		case bus.StateUp:
			delete(c.lastDown, id)
		}
	}
}

// evidence is what this node knows beyond the log. The word of a node that is
// silent counts only against service: it may be true no longer.
func (c *Core) evidence(now time.Time) converge.Evidence {
	ev := converge.Evidence{
		Install: c.install, Boot: c.boot, NoAuthority: c.authority, Suspect: c.machine.Suspects(),
		Leaving: map[cluster.NodeID]bool{}, Health: map[cluster.MemberID]converge.Health{},
	}
	for _, m := range c.members {
		if m.Node == c.cfg.Name {
			if at, ok := c.own(m.ID); ok {
				h := c.mine[at]
				ev.Health[m.ID] = converge.Health{Condition: h.condition, Reason: h.reason, Since: h.since.UnixMilli()}
			}
		}
	}
	maps.Copy(ev.Health, c.lastDown)
	for _, name := range slices.Sorted(maps.Keys(c.peers)) {
		p := c.peers[name]
		if st := c.state.Node(name); st.Install != p.env.Install || st.Boot != p.env.Boot {
			continue
		}
		ev.Leaving[name] = p.beat.Leaving
		silent := now.Sub(p.at) > c.cfg.Times.SuspectAfter
		for _, h := range p.beat.Members {
			if h.Member != string(name) {
				continue // an agentless member: the cluster judges by majority
			}
			if h.State == bus.StateUnknown || (silent && h.State == bus.StateUp) {
				continue
			}
			ev.Health[cluster.MemberID{Pool: h.Pool, Member: h.Member}] = converge.Health{
				Condition: cluster.Condition(h.State), Reason: h.Reason, Since: h.SinceUnixMs,
			}
		}
	}
	return ev
}
