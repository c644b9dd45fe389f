// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

const (
	// leaveWait is how long a node that stops waits until its leaving is committed
	// and, where it led, another node leads.
	leaveWait = 1500 * time.Millisecond
	// handWait is how long it waits if it holds anything, until that is handed over: what is left to run out instead is missed
	// for longer than a second. In maintenance nothing is handed over, so that a supervisor can be restarted and find it there.
	handWait = 10 * time.Second
)

// leave says that the node is about to stop, and hands leadership over.
func (c *Core) leave() {
	if c.leaving {
		return
	}
	c.leaving, c.leaveBy = true, c.now
	c.beat(c.now)
	if c.authority != "" || c.state.Node(c.cfg.Name).Life != cluster.LifeAlive {
		return // nobody can answer
	}
	c.leaveBy = c.now.Add(leaveWait)
	if c.holdsAnything() && c.state.Node(c.cfg.Name).Mode != cluster.ModeMaintenance {
		c.leaveBy = c.now.Add(handWait)
	}
	c.handOver()
}

// holdsAnything tells whether this life of the node was given anything.
func (c *Core) holdsAnything() bool {
	return slices.ContainsFunc(c.resources, func(name string) bool { return c.ours(c.state.Resource(name)) })
}

// Left tells whether a node that leaves may end: its leaving is in the log and
// whoever follows it as leader leads, or there is nothing to wait for any more.
func (c *Core) Left(now time.Time) bool {
	if !c.leaving {
		return false
	}
	left := c.state.Node(c.cfg.Name).Life == cluster.LifeLeft && (!c.handedOver || !c.leads)
	return left || !now.Before(c.leaveBy)
}

// handOver gives leadership to the voter that is furthest in the log, so that
// the cluster is not without a leader for an election timeout.
func (c *Core) handOver() {
	if !c.leads {
		return
	}
	var best consensus.Peer
	for _, p := range c.replica.Status().Peers {
		if p.Active && !p.Restoring && c.votesInLog(p.ID) && (best.ID == 0 || p.Match > best.Match) {
			best = p
		}
	}
	if best.ID == 0 {
		return
	}
	if err := c.replica.Transfer(best.ID); err != nil {
		c.note(Warn, "leadership cannot be handed over (%v); the others will elect", err)
		return
	}
	c.handedOver = true
}

// born begins the new life that is durable now.
func (c *Core) born(in Born) {
	c.boot, c.seq, c.commands = in.Boot, 0, 0
	c.elsewhere, c.renews = elsewhere{}, false
	c.book.Reset()
	c.machine.Reborn(in.Boot)
	c.dirty = true
	c.notice("node.new-life", string(c.cfg.Name), in.Reason)
}

// newLives begins to listen anew to the nodes that were admitted in another life:
// the silence so far was the former life's.
func (c *Core) newLives(now time.Time) {
	for _, s := range c.state.Spec.Nodes {
		st := c.state.Node(s.Name)
		former, known := c.lives[s.Name]
		c.lives[s.Name] = st.Epoch
		if !known || former == st.Epoch || st.Life != cluster.LifeAlive || !c.watched[s.Name] {
			continue
		}
		c.detector.Forget(string(s.Name))
		c.detector.Watch(now, string(s.Name))
		c.verdict(health.Verdict{
			Node: string(s.Name), Boot: st.Boot, State: health.Alive, At: now, Reason: "admitted in a new life: " + st.Reason,
		})
	}
}
