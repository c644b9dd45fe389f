// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// leaveWait is how long a node that stops waits until its leaving is committed
// and, where it led, another node leads.
const leaveWait = 1500 * time.Millisecond

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
	c.handOver()
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
	c.book.Reset()
	c.machine.Reborn(in.Boot)
	c.dirty = true
	c.notice("node.new-life", string(c.cfg.Name), in.Reason)
}
