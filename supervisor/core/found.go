// SPDX-License-Identifier: Apache-2.0

package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// found founds the cluster, if it is this node's to do: it was given a cluster
// file, is the first voter in it, and hears a majority of the voters, none of
// whom belongs to a cluster. Where a cluster exists, a majority of its voters
// is not blank; so a node that lost its disk never founds a second one.
func (c *Core) found(now time.Time) {
	b := c.cfg.Bootstrap
	if c.clusterID != "" || c.joining != "" || b == nil || firstVoter(*b) != c.cfg.Name {
		return
	}
	if now.Sub(c.started) < c.cfg.Times.SuspectAfter || c.stranger(now) != "" {
		return
	}
	voters := b.Voters()
	blank := 0
	for _, v := range voters {
		p, ok := c.peers[v]
		if v == c.cfg.Name || (ok && p.env.Cluster == "" && now.Sub(p.at) <= c.cfg.Times.SuspectAfter) {
			blank++
		}
	}
	if blank < len(voters)/2+1 {
		return
	}
	join := Join{Cluster: c.unfounded}
	if c.unfounded == "" {
		founding, err := c.foundingAppend(*b)
		if err != nil {
			c.fail(err)
			return
		}
		join = Join{Cluster: c.cfg.FoundAs, Founding: founding}
	}
	c.joining = join.Cluster
	c.founding = fmt.Sprintf("founded as %s with %d of %d voters at hand", join.Cluster, blank, len(voters))
	c.order(join)
}

// firstVoter returns the first node of the file that votes.
func firstVoter(s cluster.Spec) cluster.NodeID {
	for _, node := range s.Nodes {
		if node.Votes() {
			return node.Name
		}
	}
	return ""
}

// foundingAppend makes the first state of a new cluster. It is written before the
// id of the cluster: after a crash between the two, the founding is taken up again
// when its conditions hold, with the same id.
func (c *Core) foundingAppend(spec cluster.Spec) (*consensus.Append, error) {
	id := c.cfg.FoundAs
	state, out := cluster.Apply(cluster.New(id), 1, cluster.Command{
		ID: id, At: c.now.UnixMilli(), By: string(c.cfg.Name), Body: cluster.SetSpec{Spec: spec},
	})
	if out.Result != cluster.Accepted {
		return nil, fmt.Errorf("no cluster can be founded with the cluster file: %s", out.Reason)
	}
	data, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("encode the first state: %w", err)
	}
	return consensus.Found(consensus.Founder{ID: c.install, Node: string(c.cfg.Name), Data: data}), nil
}

// restoreFounding takes note of a founding that a crash cut short. Nobody else
// can have heard of that cluster.
func (c *Core) restoreFounding(r consensus.Restored) error {
	var st cluster.State
	if r.Snapshot == nil {
		return fmt.Errorf("the log belongs to no cluster and has no first state; remove the data directory: %w", consensus.ErrDamaged)
	}
	if err := json.Unmarshal(r.Snapshot.Data, &st); err != nil || st.ID == "" {
		return fmt.Errorf("the first state cannot be read (%w); remove the data directory", errors.Join(err, consensus.ErrDamaged))
	}
	c.unfounded = st.ID
	return nil
}

// adopt makes a node that belongs to no cluster a part of the one whose leader
// sends to it, for good. It tells whether there is a replica to talk to.
func (c *Core) adopt(env bus.Envelope, frame []byte) bool {
	switch {
	case c.replica != nil:
		return true
	case c.unfounded != "":
		return false // our log is of another cluster, which never came to be
	case c.clusterID != "":
		return c.startReplica(consensus.Restored{}) // it came to us, but its log did not yet
	case c.joining == "" && c.invites(env, frame):
		c.joining = env.Cluster
		c.order(Join{Cluster: env.Cluster})
		c.notice("cluster.joined", c.cfg.Cluster, fmt.Sprintf("invited by %s into %s", env.From, env.Cluster))
	}
	return false
}

// invites tells whether a frame is an invitation: one that is meant for this very
// installation. What was on its way to a former installation of the same name,
// perhaps in another cluster, is none. A replica that we throw away is asked.
func (c *Core) invites(env bus.Envelope, frame []byte) bool {
	trial, err := c.newReplica(env.Cluster, consensus.Restored{})
	if err == nil {
		err = trial.Step(env.Install, frame)
	}
	if err != nil {
		c.note(Debug, "no invitation by %s: %v", env.From, err)
	}
	return err == nil
}

// joined makes the node a part of the cluster whose id is on its disk now.
func (c *Core) joined(in Joined) {
	founding := c.founding
	c.clusterID, c.joining, c.unfounded, c.founding = in.Cluster, "", "", ""
	c.dirty = true
	if !c.startReplica(in.Log) {
		return
	}
	if founding == "" {
		return
	}
	c.notice("cluster.founded", c.cfg.Cluster, founding)
	if err := c.replica.Campaign(); err != nil {
		c.fail(fmt.Errorf("lead the new cluster: %w", err))
	}
}
