// SPDX-License-Identifier: Apache-2.0

package node

import (
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// serversTold bounds the servers that a heartbeat tells about, per balancer;
// those that are plainly ready are left out.
const serversTold = 128

// beatIfUrgent sends a heartbeat before its time when there is news.
func (n *Node) beatIfUrgent(now time.Time) bool {
	if !n.urgent || now.Before(n.pacer.newsAt()) {
		return false
	}
	n.beat(now)
	return true
}

// beat sends a heartbeat.
func (n *Node) beat(now time.Time) {
	hb := bus.Heartbeat{
		Epoch: n.state.Node(n.cfg.Name).Epoch, Revision: n.state.Revision, Applied: n.applied,
		Leader: string(n.leader), Leaving: n.leaving, SentUnixMs: now.UnixMilli(), Version: n.cfg.Version,
		Seen: n.seenVector(), Members: n.ownMembers(), Balancers: n.ownBalancers(), Rails: n.ownRails(now),
	}
	n.urgent = false
	n.pacer.beaten(now)
	payload, err := encodeBeat(hb)
	if err != nil {
		n.log.Error().Err(err).Msg("a heartbeat could not be sent")
		return
	}
	seq := n.bus.Send("", bus.KindHeartbeat, payload)
	n.book.Sent(seq, now)
	n.step(now, n.selfReport(seq))
}

// encodeBeat encodes a heartbeat. One that is over the limits of the bus goes
// without what only people read: a node must not fall silent for having much to say.
func encodeBeat(hb bus.Heartbeat) ([]byte, error) {
	payload, err := bus.EncodeHeartbeat(hb)
	if err == nil && len(payload) <= bus.MaxPayload {
		return payload, nil
	}
	for i := range hb.Balancers {
		hb.Balancers[i].Servers = nil
	}
	for i := range hb.Members {
		hb.Members[i].Reason = ""
	}
	return bus.EncodeHeartbeat(hb)
}

func (n *Node) ownMembers() []bus.MemberHealth {
	var out []bus.MemberHealth
	for _, id := range slices.SortedFunc(maps.Keys(n.mine), cluster.MemberID.Compare) {
		h := n.mine[id]
		out = append(out, bus.MemberHealth{
			Pool: id.Pool, Member: id.Member, State: string(h.condition), Reason: h.reason,
			SinceUnixMs: h.since.UnixMilli(), N: h.n,
		})
	}
	return out
}

func (n *Node) ownBalancers() []bus.BalancerHealth {
	var out []bus.BalancerHealth
	for _, name := range slices.Sorted(maps.Keys(n.reports)) {
		r := n.reports[name]
		if !n.carries(name) {
			continue // the last word of a balancer that is not ours any more
		}
		b := bus.BalancerHealth{
			Name: r.Name, InStep: r.InStep, SinceUnixMs: r.Since.UnixMilli(), Error: r.Reason,
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

func (n *Node) ownRails(now time.Time) []bus.RailHealth {
	var out []bus.RailHealth
	for _, r := range n.bus.Rails() {
		out = append(out, bus.RailHealth{Name: r.Name, Up: r.Up, Peers: n.heardOn(now, r)})
	}
	return out
}

// heardOn counts the nodes that were heard on the rail lately.
func (n *Node) heardOn(now time.Time, r bus.RailStatus) int {
	heard := 0
	for _, at := range r.Peers {
		if now.Sub(at) <= n.cfg.Times.SuspectAfter {
			heard++
		}
	}
	return heard
}

// selfReport is our own heartbeat, for our own machine.
func (n *Node) selfReport(seq uint64) failover.Report {
	r := failover.Report{Node: n.cfg.Name, Install: n.install, Boot: n.boot, Seq: seq, Leaving: n.leaving}
	for _, id := range slices.SortedFunc(maps.Keys(n.mine), cluster.MemberID.Compare) {
		h := n.mine[id]
		r.Members = append(r.Members, failover.MemberReport{ID: id, Condition: h.condition, Reason: h.reason})
	}
	return r
}

// heartbeat takes the heartbeat of another node.
func (n *Node) heartbeat(in envelopeIn) {
	hb, err := bus.DecodeHeartbeat(in.env.Payload)
	if err != nil {
		n.log.Debug().Err(err).Str("from", in.env.From).Msg("bad heartbeat dropped")
		return
	}
	n.acknowledged(in.env, hb)
	if n.twin(in) {
		n.step(in.at, report(in.env, hb))
		return
	}
	from := cluster.NodeID(in.env.From)
	old := n.peers[from]
	n.peers[from] = peer{in.env, hb, in.at}
	if from == n.leader {
		n.pacer.lead(in.at)
	}
	n.remember(from, hb)
	n.watch(in.at)
	if v, changed := n.detector.Beat(in.at, in.env.From, in.env.Boot); changed {
		n.verdict(in.at, v)
	}
	n.step(in.at, report(in.env, hb))
	if old.env.Boot != in.env.Boot || old.beat.Leaving != hb.Leaving || !slices.EqualFunc(old.beat.Members, hb.Members, sameHealth) {
		n.dirty = true
	}
}

// twin tells whether the heartbeat is nobody's whom we listen to: it comes from a
// second installation that uses the name of a node which is heard as well, or
// from a node that is not in the cluster file. Only the machine hears of it.
func (n *Node) twin(in envelopeIn) bool {
	from := cluster.NodeID(in.env.From)
	if !n.concerns(from) {
		return true
	}
	admitted, old := n.state.Node(from).Install, n.peers[from]
	return in.env.Install != admitted && old.env.Install == admitted && admitted != 0 &&
		in.at.Sub(old.at) <= n.cfg.Times.SuspectAfter
}

func sameHealth(a, b bus.MemberHealth) bool {
	return a.N == b.N && a.Pool == b.Pool && a.Member == b.Member && a.State == b.State
}

func report(env bus.Envelope, hb bus.Heartbeat) failover.Report {
	r := failover.Report{
		Node: cluster.NodeID(env.From), Install: env.Install, Boot: env.Boot, Seq: env.Seq, Leaving: hb.Leaving,
	}
	for _, m := range hb.Members {
		r.Members = append(r.Members, failover.MemberReport{
			ID: cluster.MemberID{Pool: m.Pool, Member: m.Member}, Condition: cluster.Condition(m.State), Reason: m.Reason,
		})
	}
	return r
}

// settle hands the balancers their duties when anything changed that they rest on.
func (n *Node) settle(now time.Time) {
	if !n.dirty {
		return
	}
	n.checkAuthority(now)
	n.balancers.Do(converge.Duties(n.cfg.Name, n.state, n.evidence(now)))
	n.dirty = false
}

// remember keeps the last word of a node that one of its members is down, until
// the node says that it is up: the node may die before the log has recorded it,
// and its next life knows nothing before its first probe.
func (n *Node) remember(from cluster.NodeID, hb bus.Heartbeat) {
	for _, h := range hb.Members {
		if h.Member != string(from) {
			continue
		}
		switch id := (cluster.MemberID{Pool: h.Pool, Member: h.Member}); h.State {
		case bus.StateDown:
			n.lastDown[id] = converge.Health{Condition: cluster.Down, Reason: h.Reason, Since: h.SinceUnixMs}
		case bus.StateUp:
			delete(n.lastDown, id)
		}
	}
}

// evidence is what this node knows beyond the log. The word of a node that is
// silent counts only against service: it may be true no longer.
func (n *Node) evidence(now time.Time) converge.Evidence {
	ev := converge.Evidence{
		Install: n.install, Boot: n.boot, NoAuthority: n.authority, Suspect: n.machine.Suspects(),
		Leaving: map[cluster.NodeID]bool{}, Health: map[cluster.MemberID]converge.Health{},
	}
	for _, m := range n.members {
		if m.Node == n.cfg.Name {
			if h, ok := n.mine[m.ID]; ok {
				ev.Health[m.ID] = converge.Health{Condition: h.condition, Reason: h.reason, Since: h.since.UnixMilli()}
			}
		}
	}
	maps.Copy(ev.Health, n.lastDown)
	for name, p := range n.peers {
		if st := n.state.Node(name); st.Install != p.env.Install || st.Boot != p.env.Boot {
			continue
		}
		ev.Leaving[name] = p.beat.Leaving
		silent := now.Sub(p.at) > n.cfg.Times.SuspectAfter
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
