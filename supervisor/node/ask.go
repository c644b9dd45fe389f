// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
	// submitWait is how long a request waits for its outcome before the answer is
	// that it cannot be told.
	submitWait = 2 * time.Second
	// askWait bounds how long a reader waits for the loop.
	askWait = 2 * time.Second
)

// ErrStopping tells that the node stops.
var ErrStopping = errors.New("the node is stopping")

type answer struct {
	out cluster.Outcome
	err error
}

// asking is a request on its way to the core.
type asking struct {
	submit core.Submit
	answer chan answer
}

// Submit commits what an operator asks for and returns what became of it.
func (n *Node) Submit(ctx context.Context, by string, body cluster.Body) (cluster.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, submitWait+time.Second)
	defer cancel()
	now := time.Now()
	in := asking{
		submit: core.Submit{
			Command: cluster.Command{ID: newID(), At: now.UnixMilli(), By: by, Body: body}, Until: now.Add(submitWait),
		},
		answer: make(chan answer, 1),
	}
	n.post(ctx, in)
	select {
	case a := <-in.answer:
		return a.out, a.err
	case <-n.ended:
		select {
		case a := <-in.answer:
			return a.out, a.err
		default:
			return cluster.Outcome{}, fmt.Errorf("%w: %w", core.ErrUnknown, ErrStopping)
		}
	case <-ctx.Done():
		return cluster.Outcome{}, fmt.Errorf("%w: %w", core.ErrUnknown, ctx.Err())
	}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

// dismiss answers everybody who still waits when the node stops.
func (n *Node) dismiss() {
	for _, asked := range n.asked {
		asked <- answer{err: fmt.Errorf("%w: %w", core.ErrUnknown, ErrStopping)}
	}
	clear(n.asked)
}

// View returns what this node sees of the cluster.
func (n *Node) View() cluster.View {
	v, ok := ask(n, func(now time.Time, c *core.Core) cluster.View { return c.View(now) })
	if ok {
		return v
	}
	return cluster.View{
		At: time.Now().UnixMilli(), Node: n.cfg.Name, Version: n.cfg.Version, Cluster: n.cfg.Cluster,
		Verdict: cluster.NoQuorumVerdict, Problems: []string{"the node does not answer: it is stopping, or overloaded"},
	}
}

// Spec returns the cluster file that this node runs, and its revision.
func (n *Node) Spec() (cluster.Spec, uint64) {
	type specAnswer struct {
		spec     cluster.Spec
		revision uint64
	}
	a, _ := ask(n, func(_ time.Time, c *core.Core) specAnswer {
		spec, revision := c.Spec()
		return specAnswer{spec, revision}
	})
	return a.spec, a.revision
}

// Notices returns the events since the given index, and those to come.
func (n *Node) Notices(ctx context.Context, since uint64) ([]cluster.Notice, <-chan cluster.Notice) {
	return n.hub.read(ctx, since)
}

// ask lets the loop look at its core.
func ask[T any](n *Node, look func(time.Time, *core.Core) T) (T, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askWait)
	defer cancel()
	answered := make(chan T, 1)
	n.post(ctx, question(func(now time.Time, c *core.Core) { answered <- look(now, c) }))
	select {
	case v := <-answered:
		return v, true
	case <-n.ended:
	case <-ctx.Done():
	}
	var none T
	return none, false
}
