// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
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
	if now.Sub(n.started) < n.cfg.Times.SuspectAfter || len(n.foreign) > 0 {
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
		n.offer(storedIn{err: err})
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
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("make a cluster id: %w", err)
	}
	clusterID := hex.EncodeToString(id[:])
	state, out := cluster.Apply(cluster.New(clusterID), 1, cluster.Command{
		ID: clusterID, At: time.Now().UnixMilli(), By: string(n.cfg.Name), Body: cluster.SetSpec{Spec: spec},
	})
	if out.Result != cluster.Accepted {
		return fmt.Errorf("the bootstrap file: %s", out.Reason)
	}
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode the first state: %w", err)
	}
	first := consensus.Found(consensus.Founder{ID: n.install, Node: string(n.cfg.Name), Data: data})
	// The log before the id: a crash between the two leaves a blank node.
	if err := n.store.Append(first); err != nil {
		return fmt.Errorf("write the first state: %w", err)
	}
	if err := n.join(clusterID); err != nil {
		return err
	}
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

// adopt makes a node that belongs to no cluster a part of the one whose leader
// sends to it, for good. It tells whether there is a replica to talk to.
func (n *Node) adopt(env bus.Envelope) bool {
	if n.replica != nil {
		return true
	}
	if n.clusterID == "" {
		if err := n.join(env.Cluster); err != nil {
			n.offer(storedIn{err: err})
			return false
		}
		n.notice(time.Now(), "cluster.joined", n.cfg.Cluster, fmt.Sprintf("invited by %s into %s", env.From, env.Cluster))
	}
	r, err := n.store.Load()
	if err == nil {
		err = n.startReplica(r)
	}
	if err != nil {
		n.offer(storedIn{err: err})
		return false
	}
	return true
}

func (n *Node) join(clusterID string) error {
	if err := n.store.SetCluster(clusterID); err != nil {
		return fmt.Errorf("record the cluster id: %w", err)
	}
	n.clusterID = clusterID
	n.bus.SetIdentity(clusterID, n.boot)
	n.dirty = true
	return nil
}
