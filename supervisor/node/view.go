// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// askWait bounds how long a reader waits for the loop.
const askWait = 2 * time.Second

type specAnswer struct {
	spec     cluster.Spec
	revision uint64
}

// View returns what this node sees of the cluster.
func (n *Node) View() cluster.View {
	in := viewIn{make(chan cluster.View, 1)}
	if v, ok := ask(n, in, in.answer); ok {
		return v
	}
	return cluster.View{
		At: time.Now().UnixMilli(), Node: n.cfg.Name, Version: n.cfg.Version, Cluster: n.cfg.Cluster,
		Verdict: cluster.NoQuorumVerdict, Problems: []string{"the node does not answer: its loop is stopped or overloaded"},
	}
}

// Spec returns the cluster file that this node runs, and its revision.
func (n *Node) Spec() (cluster.Spec, uint64) {
	in := specIn{make(chan specAnswer, 1)}
	a, _ := ask(n, in, in.answer)
	return a.spec, a.revision
}

// Notices returns the events since the given index, and those to come.
func (n *Node) Notices(ctx context.Context, since uint64) ([]cluster.Notice, <-chan cluster.Notice) {
	return n.hub.read(ctx, since)
}

func ask[T any](n *Node, in input, answer chan T) (T, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askWait)
	defer cancel()
	n.post(ctx, in)
	select {
	case v := <-answer:
		return v, true
	case <-ctx.Done():
		var none T
		return none, false
	}
}

func (n *Node) view(now time.Time) cluster.View {
	voters := names(n.state.Spec.Voters())
	v := cluster.View{
		At: now.UnixMilli(), Node: n.cfg.Name, Version: n.cfg.Version, Cluster: n.cfg.Cluster, ClusterID: n.clusterID,
		Leader: n.leader, Index: n.state.Index, Epoch: n.state.Epoch, Revision: n.state.Revision, Timing: n.cfg.Times.Profile,
		Quorum: cluster.QuorumView{
			Have: n.book.Behind(now, voters, n.cfg.Times.QuorumAge), Need: len(voters)/2 + 1, Voters: len(voters),
			Holds: n.authority == "", Reason: n.authority,
		},
	}
	if n.replica != nil {
		v.Term = n.replica.Status().Term
	}
	for _, r := range n.bus.Rails() {
		v.Rails = append(v.Rails, cluster.RailView{
			Name: r.Name, Listen: r.Listen, Up: r.Up, Error: r.Err, Since: r.Since.UnixMilli(), Peers: n.heardOn(now, r),
		})
	}
	for _, s := range n.state.Spec.Nodes {
		v.Nodes = append(v.Nodes, n.nodeView(now, s))
	}
	v.Balancers = n.balancerViews()
	v.Pools = n.poolViews(now)
	v.Verdict, v.Problems = n.judge(v)
	return v
}

func (n *Node) nodeView(now time.Time, s cluster.NodeSpec) cluster.NodeView {
	st := n.state.Node(s.Name)
	v := cluster.NodeView{
		Name: s.Name, Life: st.Life.String(), Reason: st.Reason, Since: st.Since, Mode: st.Mode, ModeBy: st.ModeBy,
		Votes: s.Votes(), Witness: s.Witness, Leads: n.leader == s.Name, Address: s.Address,
		Epoch: st.Epoch, Boot: st.Boot, SilenceMs: -1, Log: n.roleInLog(s.Name),
	}
	if s.Name == n.cfg.Name {
		v.SilenceMs, v.Revision, v.Version = 0, n.state.Revision, n.cfg.Version
		rails := n.ownRails(now)
		v.Rails, v.RailsUp = len(rails), railsUp(rails)
		return v
	}
	if d, ok := n.detector.State(now, string(s.Name)); ok && d.State == health.Suspect && st.Life == cluster.LifeAlive {
		v.Life, v.Reason = "suspect", fmt.Sprintf("silent for %s", d.Silence.Round(time.Millisecond))
	}
	if p, ok := n.peers[s.Name]; ok {
		v.SilenceMs = now.Sub(p.at).Milliseconds()
		v.Revision, v.Version = p.beat.Revision, p.beat.Version
		v.Lags = p.beat.Revision != n.state.Revision && v.Life == string(cluster.LifeAlive)
		v.Rails, v.RailsUp = len(p.beat.Rails), railsUp(p.beat.Rails)
	}
	return v
}

// roleInLog tells whether the node's admitted installation takes part in the
// log, and how.
func (n *Node) roleInLog(name cluster.NodeID) string {
	if n.replica == nil {
		return "none"
	}
	install := n.state.Node(name).Install
	for _, m := range n.replica.Status().Members {
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

// balancerHealth returns what a node says about its balancers: our own words, or
// those of its newest heartbeat.
func (n *Node) balancerHealth(node cluster.NodeID) []bus.BalancerHealth {
	if node == n.cfg.Name {
		return n.ownBalancers()
	}
	return n.peers[node].beat.Balancers
}

func (n *Node) balancerViews() []cluster.BalancerView {
	var out []cluster.BalancerView
	for _, b := range n.state.Spec.Balancers {
		for _, node := range b.Nodes {
			v := cluster.BalancerView{Name: b.Name, Node: node, Reason: "the node has said nothing about it yet"}
			if i := slices.IndexFunc(n.balancerHealth(node), func(h bus.BalancerHealth) bool { return h.Name == b.Name }); i >= 0 {
				h := n.balancerHealth(node)[i]
				v.InStep, v.Since, v.Reason, v.Drift, v.Epoch = h.InStep, h.SinceUnixMs, h.Error, h.Drift, h.Epoch
			}
			if why := n.unheard(node); why != "" {
				v.InStep, v.Reason = false, why
			}
			out = append(out, v)
		}
	}
	return out
}

// unheard tells why what a node said about itself may be out of date.
func (n *Node) unheard(node cluster.NodeID) string {
	if node == n.cfg.Name {
		return ""
	}
	p, ok := n.peers[node]
	if !ok {
		return fmt.Sprintf("node %s was never heard", node)
	}
	if silence := time.Since(p.at); silence > n.cfg.Times.SuspectAfter {
		return fmt.Sprintf("node %s is silent for %s; this is old news", node, silence.Round(100*time.Millisecond))
	}
	return ""
}

func (n *Node) poolViews(now time.Time) []cluster.PoolView {
	ev := n.evidence(now)
	servers := n.serverViews()
	var out []cluster.PoolView
	for _, p := range n.state.Spec.Pools {
		v := cluster.PoolView{Name: p.Name, Backend: p.BackendName(), Floor: p.Drain.Least()}
		for _, m := range n.members {
			if m.ID.Pool != p.Name {
				continue
			}
			st, cond := converge.Standing(n.state, ev, m), n.state.Member(m.ID)
			if h, ok := ev.Health[m.ID]; ok && h.Condition != cluster.Unknown {
				cond.Condition = h.Condition
			}
			if st.Service == cluster.Serve {
				v.Serving++
			}
			v.Members = append(v.Members, cluster.MemberView{
				Name: m.ID.Member, Node: m.Node, Address: m.Address, Port: m.Port, Service: st.Service,
				Reason: st.Reason, Since: st.Since, Condition: cond.Condition, Admin: cond.Admin,
				Servers: n.serversOf(servers, m),
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

// serverViews returns the servers that heartbeats tell about: those that are not
// plainly ready.
func (n *Node) serverViews() map[serverKey]cluster.ServerView {
	out := map[serverKey]cluster.ServerView{}
	for _, node := range append(slices.Collect(maps.Keys(n.peers)), n.cfg.Name) {
		for _, b := range n.balancerHealth(node) {
			for _, s := range b.Servers {
				out[serverKey{node, b.Name, s.Backend, s.Server}] = cluster.ServerView{
					Balancer: b.Name, Node: node, Admin: s.Admin, Phase: s.Phase, Reason: s.Reason,
					Weight: s.Weight, Sessions: s.Sessions,
				}
			}
		}
	}
	return out
}

// serversOf returns the member on each balancer that carries it. A server that
// its node does not tell about is ready, if the node speaks for the balancer at all.
func (n *Node) serversOf(told map[serverKey]cluster.ServerView, m cluster.Member) []cluster.ServerView {
	var out []cluster.ServerView
	for _, b := range n.state.Spec.Balancers {
		if !m.Pool.On(b.Name) {
			continue
		}
		for _, node := range b.Nodes {
			v, ok := told[serverKey{node, b.Name, m.Pool.BackendName(), m.ID.Member}]
			if !ok {
				v = cluster.ServerView{Balancer: b.Name, Node: node, Admin: "unknown", Phase: "unknown"}
				if slices.ContainsFunc(n.balancerHealth(node), func(h bus.BalancerHealth) bool { return h.Name == b.Name && h.Epoch != "" }) {
					v.Admin, v.Phase = "ready", "ready"
				}
			}
			out = append(out, v)
		}
	}
	return out
}
