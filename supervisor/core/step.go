// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// Step takes what came, and the passing of time, and answers what is to be done. What came together is best given
// together: what follows from all of it is worked out once. The output is the caller's until the next step.
func (c *Core) Step(now time.Time, inputs ...Input) Output {
	c.now, c.out = now, Output{}
	for _, in := range inputs {
		c.take(in)
	}
	if c.pacer.joined || !now.Before(c.due) {
		c.tick(now)
	}
	c.pump()
	if c.beatIfUrgent(now) {
		c.pump()
	}
	c.settle(now)
	c.hold()
	c.right()
	c.out.Until, c.due = c.until, c.next()
	return c.out
}

// Due is when the passing of time must be looked at next, by a Step.
func (c *Core) Due() time.Time { return c.due }

func (c *Core) next() time.Time {
	due := c.pacer.due()
	if c.urgent {
		due = sooner(due, c.pacer.newsAt())
	}
	if silent, ok := c.detector.Deadline(); ok {
		due = sooner(due, silent)
	}
	if !c.until.IsZero() {
		due = sooner(due, c.until.Add(time.Nanosecond)) // at which it still holds
	}
	if !c.lapseDue.IsZero() {
		due = sooner(due, c.lapseDue)
	}
	if c.leaving {
		due = sooner(due, c.leaveBy)
	}
	return due
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (c *Core) take(in Input) {
	switch in := in.(type) {
	case Heard:
		c.hear(in)
	case Stored:
		c.disk--
		c.replica.Appended(in.Append)
	case Born:
		c.disk--
		c.born(in)
	case Joined:
		c.disk--
		c.joined(in)
	case Probed:
		c.memberChanged(in)
	case Balanced:
		c.balancerChanged(in.Report)
	case Railed:
		c.rails = in.Rails
	case Submit:
		c.submit(in)
	case Leave:
		c.leave()
	case Guarded:
		c.guarded(in)
	}
}

// tick is what the passing of time asks for.
func (c *Core) tick(now time.Time) {
	c.watch(now)
	for _, v := range c.detector.Tick(now) {
		c.verdict(v)
	}
	c.consider(failover.Tick{Heard: c.heardLately(now)})
	c.lapse(now)
	c.letGo(now)
	beat := c.pacer.beatDue(now)
	if c.pacer.pulseDue(now) {
		c.pacer.pulsed(now)
		c.tickReplica(now)
		c.found(now)
		c.expireWaiters(now)
	}
	if beat {
		c.beat(now)
	}
	c.checkAuthority(now)
}

// heardLately names who was heard a moment ago, for a machine that has somebody to suspect.
func (c *Core) heardLately(now time.Time) []cluster.NodeID {
	if !c.machine.Doubts() {
		return nil
	}
	return cluster.NodeIDs(c.detector.Heard(now, c.cfg.Times.FreshWithin))
}

// watch begins to expect heartbeats: at the first that comes, or, for a node
// never heard, when the grace after our own start is over.
func (c *Core) watch(now time.Time) {
	if len(c.watched) == c.others {
		return
	}
	grace := now.Sub(c.started) < c.cfg.Times.StartGrace
	for i := range c.state.Spec.Nodes {
		name := c.state.Spec.Nodes[i].Name
		if name == c.cfg.Name || c.watched[name] {
			continue
		}
		if _, heard := c.peers[name]; grace && !heard {
			continue
		}
		c.watched[name] = true
		c.detector.Watch(now, string(name))
	}
}

func (c *Core) verdict(v health.Verdict) {
	c.dirty = true
	c.consider(failover.Verdict{Verdict: v})
}

// consider lets the machine judge and carries out what it asks for.
func (c *Core) consider(ev failover.Event) {
	for _, a := range c.machine.Step(c.now, ev) {
		switch a := a.(type) {
		case failover.CastVote:
			c.castVote(a.Vote)
		case failover.Propose:
			c.proposeOwn(a.Body)
		case failover.Explain:
			c.dirty = true
			c.notice(a.Kind, a.Subject, a.Reason)
		case failover.NewLife:
			c.order(NewLife{a.Reason})
		}
	}
}
