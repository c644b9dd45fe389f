// SPDX-License-Identifier: Apache-2.0

package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// waitersMax bounds the requests under way at once.
const waitersMax = 256

// Errors of an Answer.
var (
	// ErrNoQuorum tells that nothing can be decided now. The request had no effect
	// yet; it may still take effect if it reached the leader.
	ErrNoQuorum = errors.New("nothing can be decided now")
	// ErrUnknown tells that the outcome is not known.
	ErrUnknown = errors.New("it is not known whether it took effect")
	// ErrBusy tells that too many requests are under way.
	ErrBusy = errors.New("too many requests are under way on this node; try again in a moment")
)

// waiter is a request under way.
type waiter struct {
	why          string // it was not routed yet
	encoded      []byte
	since, until time.Time
	retry        time.Time
}

func (c *Core) answer(a Answer) { c.out.Answers = append(c.out.Answers, a) }

func (c *Core) submit(in Submit) {
	why := c.vouch(&in.Command)
	encoded, err := in.Command.Encode()
	switch {
	case err != nil:
	case len(c.waiters) >= waitersMax:
		err = ErrBusy
	case c.replica == nil:
		err = fmt.Errorf("%w: the node belongs to no cluster yet", ErrNoQuorum)
	}
	if err != nil {
		c.answer(Answer{ID: in.Command.ID, Err: err})
		return
	}
	w := waiter{why: why, encoded: encoded, since: c.now, until: in.Until, retry: c.now.Add(proposeRetry)}
	if why != "" {
		w.retry = c.now.Add(c.cfg.Times.Beat)
	} else {
		c.route(encoded)
	}
	c.waiters[in.Command.ID] = w
}

// again routes a request that was not answered yet, or that could not be vouched for before.
func (c *Core) again(w waiter) waiter {
	w.retry = c.now.Add(proposeRetry)
	if w.why != "" {
		command, err := cluster.DecodeCommand(w.encoded)
		if err == nil {
			if w.why = c.vouch(&command); w.why != "" {
				w.retry = c.now.Add(c.cfg.Times.Beat)
				return w
			}
			w.encoded, err = command.Encode()
		}
		if err != nil {
			c.note(Error, "a request that waited cannot be read again: %v", err)
			return w
		}
	}
	c.route(w.encoded)
	return w
}

// vouch adds to a cluster file with other voters that every living node runs the present one, or tells who does not: see
// cluster.SetSpec.
func (c *Core) vouch(command *cluster.Command) string {
	set, ok := command.Body.(cluster.SetSpec)
	if !ok || c.state.Revision == 0 {
		return ""
	}
	if added, removed := c.state.Spec.VotersChange(set.Spec); len(added)+len(removed) == 0 {
		return ""
	}
	for _, s := range c.state.Spec.Nodes {
		st, p := c.state.Node(s.Name), c.peers[s.Name]
		if s.Name == c.cfg.Name || st.Life != cluster.LifeAlive {
			continue
		}
		if p.beat == nil || p.env.Install != st.Install || p.beat.Revision < c.state.Revision {
			return fmt.Sprintf("the voters change, and node %s has not said yet that it runs revision %d of the cluster file; ask again when it has, or when it is down", s.Name, c.state.Revision)
		}
	}
	set.Known = c.state.Revision
	command.Body = set
	return ""
}

// proposeOwn asks for a command of this node's own. Its id is
// unique: an installation counts its lives, and a life its commands.
func (c *Core) proposeOwn(body cluster.Body) {
	c.commands++
	id := fmt.Sprintf("%x-%x-%x", c.install, c.boot, c.commands)
	encoded, err := cluster.Command{ID: id, At: c.now.UnixMilli(), By: string(c.cfg.Name), Body: body}.Encode()
	if err != nil {
		c.note(Error, "a decision could not be encoded: %v", err)
		return
	}
	c.route(encoded)
}

// route sends a command to the leader, wherever it is.
func (c *Core) route(encoded []byte) {
	switch {
	case c.leads:
		c.propose(encoded)
	case c.leader != "":
		c.send(string(c.leader), bus.Proposal(encoded))
	}
}

func (c *Core) propose(encoded []byte) {
	if err := c.replica.Propose(encoded); err != nil && !errors.Is(err, consensus.ErrNotLeader) {
		c.note(Debug, "proposal dropped (%v); it will be made again", err)
	}
}

// resubmit sends what is under way to the new leader. The ids in the commands
// keep them from taking effect twice.
func (c *Core) resubmit() {
	for _, id := range slices.Sorted(maps.Keys(c.waiters)) {
		c.route(c.waiters[id].encoded)
	}
}

// decided tells a waiting request what became of it.
func (c *Core) decided(out cluster.Outcome) {
	if _, ok := c.waiters[out.ID]; !ok || out.Result == cluster.Duplicate {
		return // of a duplicate, the first copy answered
	}
	delete(c.waiters, out.ID)
	c.answer(Answer{ID: out.ID, Outcome: out})
}

func (c *Core) expireWaiters(now time.Time) {
	if len(c.waiters) == 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(c.waiters)) {
		w := c.waiters[id]
		switch {
		case now.After(w.until):
			delete(c.waiters, id)
			if w.why != "" && c.authority == "" {
				c.answer(Answer{ID: id, Outcome: cluster.Outcome{ID: id, Result: cluster.Rejected, Reason: w.why}})
				continue
			}
			err := fmt.Errorf("%w: %s", ErrNoQuorum, c.authority)
			if c.authority == "" {
				err = fmt.Errorf("%w within %s; look at evenkeel status", ErrUnknown, w.until.Sub(w.since))
			}
			c.answer(Answer{ID: id, Err: err})
		case now.After(w.retry):
			c.waiters[id] = c.again(w)
		}
	}
}
