// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// View returns what this node sees of the cluster.
func (c *Core) View(now time.Time) cluster.View {
	voters := c.voters
	v := cluster.View{
		At: now.UnixMilli(), Node: c.cfg.Name, Version: c.cfg.Version, Cluster: c.cfg.Cluster, ClusterID: c.clusterID,
		Leader: c.leader, Index: c.state.Index, Epoch: c.state.Epoch, Revision: c.state.Revision, Timing: c.cfg.Times.Profile,
		Quorum: cluster.QuorumView{
			Have: c.book.Behind(now, voters, c.cfg.Times.QuorumAge), Need: len(voters)/2 + 1, Voters: len(voters),
			Holds: c.authority == "", Reason: c.authority,
		},
	}
	if c.replica != nil {
		v.Term = c.replica.Status().Term
	}
	for _, r := range c.rails {
		v.Rails = append(v.Rails, cluster.RailView{
			Name: r.Name, Listen: r.Listen, Up: r.Up, Error: r.Err, Since: r.Since.UnixMilli(), Peers: r.Peers,
		})
	}
	for _, s := range c.state.Spec.Nodes {
		v.Nodes = append(v.Nodes, c.nodeView(now, s))
	}
	said := c.balancersSaid()
	v.Balancers = c.balancerViews(now, said)
	v.Pools = c.poolViews(now, said)
	v.Resources = c.resourceViews(now)
	v.Verdict, v.Problems = c.assess(now, v)
	return v
}

func (c *Core) nodeView(now time.Time, s cluster.NodeSpec) cluster.NodeView {
	st := c.state.Node(s.Name)
	v := cluster.NodeView{
		Name: s.Name, Life: st.Life.String(), Reason: st.Reason, Since: st.Since, Mode: st.Mode, ModeBy: st.ModeBy,
		Votes: s.Votes(), Witness: s.Witness, Leads: c.leader == s.Name, Address: s.Address,
		Epoch: st.Epoch, Boot: st.Boot, SilenceMs: -1, Log: c.roleInLog(s.Name), Class: string(c.classOf(s.Name)),
	}
	if s.Name == c.cfg.Name {
		v.SilenceMs, v.Revision, v.Version, v.ClassReason = 0, c.state.Revision, c.cfg.Version, c.guard.Why
		rails := c.ownRails()
		v.Rails, v.RailsUp = len(rails), railsUp(rails)
		return v
	}
	if d, ok := c.detector.State(now, string(s.Name)); ok && d.State == health.Suspect && st.Life == cluster.LifeAlive {
		v.Life, v.Reason = "suspect", fmt.Sprintf("silent for %s", d.Silence.Round(time.Millisecond))
	}
	if p, ok := c.peers[s.Name]; ok {
		v.SilenceMs = now.Sub(p.at).Milliseconds()
		v.Revision, v.Version = p.beat.Revision, p.beat.Version
		v.Lags = p.beat.Revision < c.state.Revision && v.Life == string(cluster.LifeAlive) && now.Sub(c.specAt) > c.cfg.Times.SuspectAfter
		v.Rails, v.RailsUp = len(p.beat.Rails), railsUp(p.beat.Rails)
	}
	return v
}

// roleInLog tells whether the node's admitted installation takes part in the
// log, and how.
func (c *Core) roleInLog(name cluster.NodeID) string {
	if c.replica == nil {
		return "none"
	}
	install := c.state.Node(name).Install
	for _, m := range c.roster {
		if m.ID == install {
			return m.Role.String()
		}
	}
	return "none"
}

func railsUp(rails []bus.RailHealth) int {
	up := 0
	for _, r := range rails {
		if r.Up {
			up++
		}
	}
	return up
}

// said is what nodes say about their balancers: our own words, and those of the
// newest heartbeats of the others.
type said map[cluster.NodeID][]bus.BalancerHealth

func (c *Core) balancersSaid() said {
	out := said{c.cfg.Name: c.ownBalancers()}
	for _, name := range slices.Sorted(maps.Keys(c.peers)) {
		out[name] = c.peers[name].beat.Balancers
	}
	return out
}

func (s said) about(node cluster.NodeID, balancer string) (bus.BalancerHealth, bool) {
	for _, h := range s[node] {
		if h.Name == balancer {
			return h, true
		}
	}
	return bus.BalancerHealth{}, false
}

func (c *Core) balancerViews(now time.Time, s said) []cluster.BalancerView {
	var out []cluster.BalancerView
	for _, b := range c.state.Spec.Balancers {
		for _, node := range b.Nodes {
			v := cluster.BalancerView{Name: b.Name, Node: node, Reason: "the node has said nothing about it yet"}
			if h, ok := s.about(node, b.Name); ok {
				v.InStep, v.Since, v.Reason, v.Drift, v.Epoch = h.InStep, h.SinceUnixMs, h.Error, h.Drift, h.Epoch
			}
			if why := c.unheard(now, node); why != "" {
				v.InStep, v.Reason = false, why
			}
			out = append(out, v)
		}
	}
	return out
}

// unheard tells why what a node said about itself may be out of date.
func (c *Core) unheard(now time.Time, node cluster.NodeID) string {
	if node == c.cfg.Name {
		return ""
	}
	p, ok := c.peers[node]
	if !ok {
		return fmt.Sprintf("node %s was never heard", node)
	}
	if silence := now.Sub(p.at); silence > c.cfg.Times.SuspectAfter {
		return fmt.Sprintf("node %s is silent for %s; this is old news", node, silence.Round(100*time.Millisecond))
	}
	return ""
}

func (c *Core) poolViews(now time.Time, s said) []cluster.PoolView {
	ev := c.evidence(now)
	servers := s.servers()
	var out []cluster.PoolView
	for _, p := range c.state.Spec.Pools {
		v := cluster.PoolView{Name: p.Name, Backend: p.BackendName(), Floor: p.Drain.Least()}
		for _, m := range c.members {
			if m.ID.Pool != p.Name {
				continue
			}
			st, cond := converge.Standing(c.state, ev, m), c.state.Member(m.ID)
			if h, ok := ev.Health[m.ID]; ok && h.Condition != cluster.Unknown {
				cond.Condition = h.Condition
			}
			if st.Service == cluster.Serve {
				v.Serving++
			}
			v.Members = append(v.Members, cluster.MemberView{
				Name: m.ID.Member, Node: m.Node, Address: m.Address, Port: m.Port, Service: st.Service,
				Reason: st.Reason, Since: st.Since, Condition: cond.Condition, Admin: cond.Admin,
				Servers: c.serversOf(s, servers, m),
			})
		}
		out = append(out, v)
	}
	return out
}

type serverKey struct {
	node              cluster.NodeID
	balancer          string
	backend, nameOfIt string
}

// servers returns the servers that are told about: those that are not plainly
// ready.
func (s said) servers() map[serverKey]cluster.ServerView {
	out := map[serverKey]cluster.ServerView{}
	for _, node := range slices.Sorted(maps.Keys(s)) {
		for _, b := range s[node] {
			for _, h := range b.Servers {
				out[serverKey{node, b.Name, h.Backend, h.Server}] = cluster.ServerView{
					Balancer: b.Name, Node: node, Admin: h.Admin, Phase: h.Phase, Reason: h.Reason,
					Weight: h.Weight, Sessions: h.Sessions,
				}
			}
		}
	}
	return out
}

// serversOf returns the member on each balancer that carries it. A server that
// its node does not tell about is ready, if the node speaks for the balancer at
// all and can tell about every server that is not.
func (c *Core) serversOf(s said, told map[serverKey]cluster.ServerView, m cluster.Member) []cluster.ServerView {
	var out []cluster.ServerView
	for _, b := range c.state.Spec.Balancers {
		if !m.Pool.On(b.Name) {
			continue
		}
		for _, node := range b.Nodes {
			v, ok := told[serverKey{node, b.Name, m.Pool.BackendName(), m.ID.Member}]
			if !ok {
				v = cluster.ServerView{Balancer: b.Name, Node: node, Admin: "unknown", Phase: "unknown"}
				if h, ok := s.about(node, b.Name); ok && h.Epoch != "" && len(h.Servers) < serversTold {
					v.Admin, v.Phase = "ready", "ready"
				}
			}
			out = append(out, v)
		}
	}
	return out
}
