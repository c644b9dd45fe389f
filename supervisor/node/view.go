// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
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
		Verdict: cluster.NoQuorumVerdict, Problems: []string{"the node does not answer: it is stopping, or overloaded"},
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
	case <-n.ended:
	case <-ctx.Done():
	}
	var none T
	return none, false
}

func (n *Node) view(now time.Time) cluster.View {
	voters := n.voters
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
	said := n.balancersSaid()
	v.Balancers = n.balancerViews(said)
	v.Pools = n.poolViews(now, said)
	v.Verdict, v.Problems = n.judge(now, v)
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
		v.Lags = p.beat.Revision < n.state.Revision && v.Life == string(cluster.LifeAlive) && now.Sub(n.specAt) > n.cfg.Times.SuspectAfter
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
	for _, m := range n.roster {
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

func (n *Node) balancersSaid() said {
	out := said{n.cfg.Name: n.ownBalancers()}
	for name, p := range n.peers {
		out[name] = p.beat.Balancers
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

func (n *Node) balancerViews(s said) []cluster.BalancerView {
	var out []cluster.BalancerView
	for _, b := range n.state.Spec.Balancers {
		for _, node := range b.Nodes {
			v := cluster.BalancerView{Name: b.Name, Node: node, Reason: "the node has said nothing about it yet"}
			if h, ok := s.about(node, b.Name); ok {
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

func (n *Node) poolViews(now time.Time, s said) []cluster.PoolView {
	ev := n.evidence(now)
	servers := s.servers()
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
				Servers: n.serversOf(s, servers, m),
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
	for node, balancers := range s {
		for _, b := range balancers {
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
func (n *Node) serversOf(s said, told map[serverKey]cluster.ServerView, m cluster.Member) []cluster.ServerView {
	var out []cluster.ServerView
	for _, b := range n.state.Spec.Balancers {
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
