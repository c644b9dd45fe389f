// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/rand"
	"encoding/hex"
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
func (n *Node) found(now time.Time) {
	b := n.cfg.Bootstrap
	if n.clusterID != "" || b == nil || firstVoter(*b) != n.cfg.Name {
		return
	}
	if now.Sub(n.started) < n.cfg.Times.SuspectAfter || n.stranger(now) != "" {
		return
	}
	voters := b.Voters()
	blank := 0
	for _, v := range voters {
		p, ok := n.peers[v]
		if v == n.cfg.Name || (ok && p.env.Cluster == "" && now.Sub(p.at) <= n.cfg.Times.SuspectAfter) {
			blank++
		}
	}
	if blank < len(voters)/2+1 {
		return
	}
	if err := n.foundNow(*b); err != nil {
		n.fail(err)
		return
	}
	n.notice(now, "cluster.founded", n.cfg.Cluster, fmt.Sprintf("founded as %s with %d of %d voters at hand", n.clusterID, blank, len(voters)))
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

func (n *Node) foundNow(spec cluster.Spec) error {
	if n.unfounded == "" {
		id, err := n.writeFounding(spec)
		if err != nil {
			return err
		}
		n.unfounded = id
	}
	if err := n.join(n.unfounded); err != nil {
		return err
	}
	n.unfounded = ""
	r, err := n.store.Load()
	if err != nil {
		return fmt.Errorf("read the first state: %w", err)
	}
	if err := n.startReplica(r); err != nil {
		return err
	}
	if err := n.replica.Campaign(); err != nil {
		return fmt.Errorf("lead the new cluster: %w", err)
	}
	return nil
}

// writeFounding writes the first state of a new cluster. It comes before the id
// of the cluster: after a crash between the two, the founding is taken up again
// when its conditions hold, with the same id.
func (n *Node) writeFounding(spec cluster.Spec) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	id := hex.EncodeToString(b[:])
	state, out := cluster.Apply(cluster.New(id), 1, cluster.Command{
		ID: id, At: time.Now().UnixMilli(), By: string(n.cfg.Name), Body: cluster.SetSpec{Spec: spec},
	})
	if out.Result != cluster.Accepted {
		return "", fmt.Errorf("no cluster can be founded with the cluster file: %s", out.Reason)
	}
	data, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("encode the first state: %w", err)
	}
	if err := n.store.Append(consensus.Found(consensus.Founder{ID: n.install, Node: string(n.cfg.Name), Data: data})); err != nil {
		return "", storeFailed("the first state could not be written", err)
	}
	return id, nil
}

// restoreFounding takes note of a founding that a crash cut short. Nobody else
// can have heard of that cluster.
func (n *Node) restoreFounding(r consensus.Restored) error {
	var st cluster.State
	if r.Snapshot == nil {
		return fmt.Errorf("the log belongs to no cluster and has no first state; remove the data directory: %w", consensus.ErrDamaged)
	}
	if err := json.Unmarshal(r.Snapshot.Data, &st); err != nil || st.ID == "" {
		return fmt.Errorf("the first state cannot be read (%w); remove the data directory", errors.Join(err, consensus.ErrDamaged))
	}
	n.unfounded = st.ID
	return nil
}

// adopt makes a node that belongs to no cluster a part of the one whose leader
// sends to it, for good. It tells whether there is a replica to talk to.
func (n *Node) adopt(env bus.Envelope) bool {
	if n.replica != nil {
		return true
	}
	if n.unfounded != "" {
		return false // our log is of another cluster, which never came to be
	}
	if n.clusterID == "" && !n.invites(env) {
		return false
	}
	if n.clusterID == "" {
		if err := n.join(env.Cluster); err != nil {
			n.fail(err)
			return false
		}
		n.notice(time.Now(), "cluster.joined", n.cfg.Cluster, fmt.Sprintf("invited by %s into %s", env.From, env.Cluster))
	}
	r, err := n.store.Load()
	if err == nil {
		err = n.startReplica(r)
	}
	if err != nil {
		n.fail(fmt.Errorf("join cluster %s: %w", n.clusterID, err))
		return false
	}
	return true
}

// invites tells whether a frame is an invitation: one that is meant for this very
// installation. What was on its way to a former installation of the same name,
// perhaps in another cluster, is none. A replica that we throw away is asked.
func (n *Node) invites(env bus.Envelope) bool {
	trial, err := n.newReplica(env.Cluster, consensus.Restored{})
	if err == nil {
		err = trial.Step(env.Install, env.Payload)
	}
	if err != nil {
		n.log.Debug().Err(err).Str("from", env.From).Msg("no invitation")
	}
	return err == nil
}

func (n *Node) join(clusterID string) error {
	if err := n.store.SetCluster(clusterID); err != nil {
		return storeFailed("the cluster id could not be recorded", err)
	}
	n.clusterID = clusterID
	n.bus.SetIdentity(clusterID, n.boot)
	n.dirty = true
	return nil
}
