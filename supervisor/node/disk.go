// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// diskBacklog is how many orders may wait for the disk. Beyond it the replica is
// asked for no further work and hears nobody: raft sends everything again.
const diskBacklog = 1024

// job is something to be made durable; it returns what the loop is told about it.
type job func() input

// writeDisk carries out what is to be durable, one after the other. The store
// has this goroutine as its owner from the moment there is a replica.
func (n *Node) writeDisk(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-n.disk:
			n.post(ctx, j())
		}
	}
}

// nextJob returns what the disk should do next, with the channel to send it on,
// which is nil when there is nothing.
func (n *Node) nextJob() (chan<- job, job) {
	if len(n.toDisk) == 0 {
		return nil, nil
	}
	return n.disk, n.toDisk[0]
}

// diskFull tells whether the disk is so far behind that raft has to wait. The
// loop itself never waits: heartbeats and detection go on.
func (n *Node) diskFull() bool { return len(n.toDisk) >= diskBacklog }

func (n *Node) write(a *consensus.Append) {
	n.toDisk = append(n.toDisk, func() input { return storedIn{a, n.store.Append(a)} })
}

// newLife begins a new life of this node: its former one was condemned while it
// ran. It counts from the moment it is durable.
func (n *Node) newLife(reason string) {
	n.toDisk = append(n.toDisk, func() input {
		boot, err := n.store.NextBoot()
		return bornIn{boot, reason, err}
	})
}

// storeFailed makes the error of a node that cannot write.
func storeFailed(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrStorage, what, err)
}

func (n *Node) born(in bornIn) {
	if in.err != nil {
		n.fail(storeFailed("a new life could not be recorded", in.err))
		return
	}
	n.boot = in.boot
	n.book.Reset()
	n.machine.Reborn(in.boot)
	n.bus.SetIdentity(n.clusterID, in.boot)
	n.dirty = true
	n.notice(time.Now(), "node.new-life", string(n.cfg.Name), in.reason)
}

func (n *Node) votesInLog(install uint64) bool {
	for _, m := range n.roster {
		if m.ID == install {
			return m.Role == consensus.RoleVoter
		}
	}
	return false
}

// nodeOf finds the node of an installation: a member of the log, or one that is
// heard. Who was just let in does not know the members yet, and has to answer.
func (n *Node) nodeOf(install uint64) (cluster.NodeID, bool) {
	for _, m := range n.roster {
		if m.ID == install {
			return cluster.NodeID(m.Node), true
		}
	}
	for name, p := range n.peers {
		if p.env.Install == install {
			return name, true
		}
	}
	return "", false
}
