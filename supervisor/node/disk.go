// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// failed tells the loop that the disk failed.
type failed struct{ err error }

// held reads what the disk holds at the start.
func (n *Node) held() (core.Held, error) {
	log, err := n.store.Load()
	if err != nil {
		return core.Held{}, fmt.Errorf("read the log: %w", err)
	}
	return core.Held{Cluster: n.store.Cluster(), Log: log}, nil
}

// nextJob returns what the disk should do next, with the channel to send it on,
// which is nil when there is nothing.
func (n *Node) nextJob() (chan<- core.Job, core.Job) {
	if len(n.toDisk) == 0 {
		return nil, nil
	}
	return n.disk, n.toDisk[0]
}

// writeDisk carries out what is to be durable, one after the other. It owns the
// store while the node runs: the loop never waits for the disk.
func (n *Node) writeDisk(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-n.disk:
			in, err := n.carryDown(j)
			if err != nil {
				n.post(ctx, failed{fmt.Errorf("%w: %w", ErrStorage, err)})
				return nil
			}
			n.post(ctx, in)
		}
	}
}

func (n *Node) carryDown(j core.Job) (core.Input, error) {
	switch j := j.(type) {
	case core.Append:
		return core.Stored{Append: j.Append}, n.store.Append(j.Append)
	case core.NewLife:
		boot, err := n.store.NextBoot()
		if err != nil {
			return nil, fmt.Errorf("a new life could not be recorded: %w", err)
		}
		return core.Born{Boot: boot, Reason: j.Reason}, nil
	case core.Join:
		return n.join(j)
	}
	return nil, fmt.Errorf("unknown order %T", j)
}

func (n *Node) join(j core.Join) (core.Input, error) {
	if j.Founding != nil {
		if err := n.store.Append(j.Founding); err != nil {
			return nil, fmt.Errorf("the first state could not be written: %w", err)
		}
	}
	if err := n.store.SetCluster(j.Cluster); err != nil {
		return nil, fmt.Errorf("the cluster id could not be recorded: %w", err)
	}
	held, err := n.held()
	if err != nil {
		return nil, err
	}
	return core.Joined{Cluster: j.Cluster, Log: held.Log}, nil
}
