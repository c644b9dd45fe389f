// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// leaveWait is how long a node that stops waits until its leaving is committed
// and, where it led, another node leads.
const leaveWait = 1500 * time.Millisecond

// inboxBatch is how many inputs are handled before the clock is looked at again.
const inboxBatch = 256

func (n *Node) loop(ctx, shell context.Context) error {
	defer n.dismissWaiters()
	n.started = time.Now()
	clock := time.NewTimer(0)
	defer clock.Stop()
	armed := time.Time{}
	done, leave := ctx.Done(), (<-chan time.Time)(nil)
	for {
		disk, next := n.nextJob()
		select {
		case <-shell.Done():
			return nil
		case <-done:
			done = nil
			leave = time.After(n.leave())
		case <-leave:
			return nil
		case in := <-n.inbox:
			n.handle(in)
			n.drain()
		case disk <- next:
			n.toDisk = n.toDisk[1:]
		case <-clock.C:
			n.drain() // what lies unread speaks for the nodes that would be called silent
			n.tick(time.Now())
		}
		if n.pacer.joined {
			n.tick(time.Now())
		}
		n.pump()
		if n.beatIfUrgent(time.Now()) {
			n.pump()
		}
		n.settle(time.Now())
		if due := n.due(); due != armed {
			clock.Reset(time.Until(due))
			armed = due
		}
		if n.failure != nil {
			return n.failure
		}
		if n.hasLeft() {
			return nil
		}
	}
}

// drain handles what came together with an input, so that what follows from all
// of it is worked out once: a thousand checks may answer in the same moment.
func (n *Node) drain() {
	for range inboxBatch {
		select {
		case in := <-n.inbox:
			n.handle(in)
		default:
			return
		}
	}
}

// fail makes the loop end with the first error.
func (n *Node) fail(err error) {
	if n.failure == nil {
		n.failure = err
	}
}

// leave says that the node is about to stop, hands leadership over, and returns
// how long to wait for the cluster's answer.
func (n *Node) leave() time.Duration {
	n.leaving = true
	n.beat(time.Now())
	if n.authority != "" || n.state.Node(n.cfg.Name).Life != cluster.LifeAlive {
		return 0
	}
	n.handOver()
	return leaveWait
}

// hasLeft tells whether nothing is left to wait for: our leaving is in the log,
// and whoever follows us as leader leads.
func (n *Node) hasLeft() bool {
	return n.leaving && n.state.Node(n.cfg.Name).Life == cluster.LifeLeft && (!n.handedOver || !n.leads)
}

// handOver gives leadership to the voter that is furthest in the log, so that
// the cluster is not without a leader for an election timeout.
func (n *Node) handOver() {
	if !n.leads {
		return
	}
	var best consensus.Peer
	for _, p := range n.replica.Status().Peers {
		if p.Active && !p.Restoring && n.votesInLog(p.ID) && (best.ID == 0 || p.Match > best.Match) {
			best = p
		}
	}
	if best.ID == 0 {
		return
	}
	if err := n.replica.Transfer(best.ID); err != nil {
		n.log.Warn().Err(err).Msg("leadership cannot be handed over; the others will elect")
		return
	}
	n.handedOver = true
}

// tick is what the passing of time asks for.
func (n *Node) tick(now time.Time) {
	n.watch(now)
	for _, v := range n.detector.Tick(now) {
		n.verdict(now, v)
	}
	n.step(now, failover.Tick{Heard: cluster.NodeIDs(n.detector.Heard(now, n.cfg.Times.FreshWithin))})
	beat := n.pacer.beatDue(now)
	if n.pacer.pulseDue(now) {
		n.pacer.pulsed(now)
		n.tickReplica(now)
		n.found(now)
		n.expireWaiters(now)
	}
	if beat {
		n.beat(now)
	}
	n.checkAuthority(now)
}

// due is when the passing of time has to be looked at next.
func (n *Node) due() time.Time {
	due := n.pacer.due()
	if n.urgent {
		due = sooner(due, n.pacer.newsAt())
	}
	if silent, ok := n.detector.Deadline(); ok {
		due = sooner(due, silent)
	}
	if !n.until.IsZero() {
		due = sooner(due, n.until.Add(time.Nanosecond)) // at which it still holds
	}
	return due
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// watch begins to expect heartbeats: at the first that comes, or, for a node
// never heard, when the grace after our own start is over.
func (n *Node) watch(now time.Time) {
	grace := now.Sub(n.started) < n.cfg.Times.StartGrace
	for _, s := range n.state.Spec.Nodes {
		_, heard := n.peers[s.Name]
		if s.Name == n.cfg.Name || n.watched[s.Name] || (grace && !heard) {
			continue
		}
		n.watched[s.Name] = true
		n.detector.Watch(now, string(s.Name))
	}
}

func (n *Node) verdict(now time.Time, v health.Verdict) {
	n.dirty = true
	n.step(now, failover.Verdict{Verdict: v})
}

// notice tells people something that this node noticed by itself.
func (n *Node) notice(now time.Time, kind, subject, reason string) {
	n.log.Info().Str("event", kind).Str("subject", subject).Msg(reason)
	n.hub.local(cluster.Notice{Node: n.cfg.Name, Event: cluster.Event{
		At: now.UnixMilli(), Kind: kind, Subject: subject, Reason: reason,
	}})
}

// probeMembers tells the prober which members are this node's to probe: its own,
// and the agentless ones of the pools that its balancers carry.
func (n *Node) probeMembers() {
	var out []cluster.Member
	clear(n.probing)
	for _, m := range n.members {
		if m.Node == n.cfg.Name || (m.Agentless() && slices.Contains(n.state.Spec.BalancerNodes(m.Pool), n.cfg.Name)) {
			out = append(out, m)
			n.probing[m.ID] = true
		}
	}
	maps.DeleteFunc(n.mine, func(id cluster.MemberID, _ memberHealth) bool { return !n.probing[id] })
	n.prober.Watch(out)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
