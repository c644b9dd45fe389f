// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

const (
	// submitWait is how long a request waits for its outcome before the answer is
	// that it cannot be told.
	submitWait = 2 * time.Second
	// waitersMax bounds the requests under way at once.
	waitersMax = 256
)

// Errors of Submit.
var (
	// ErrNoQuorum tells that nothing can be decided now. The request had no effect
	// yet; it may still take effect if it reached the leader.
	ErrNoQuorum = errors.New("nothing can be decided now")
	// ErrUnknown tells that the outcome is not known.
	ErrUnknown = errors.New("it is not known whether it took effect")
	// ErrBusy tells that too many requests are under way.
	ErrBusy = errors.New("too many requests are under way on this node; try again in a moment")
	// ErrStopping tells that the node stops.
	ErrStopping = errors.New("the node is stopping")
)

type answer struct {
	out cluster.Outcome
	err error
}

// waiter is a request under way.
type waiter struct {
	encoded []byte
	until   time.Time
	retry   time.Time
	answer  chan answer
}

// Submit commits what an operator asks for and returns what became of it.
func (n *Node) Submit(ctx context.Context, by string, body cluster.Body) (cluster.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, submitWait+time.Second)
	defer cancel()
	in := submitIn{
		cmd:   cluster.Command{ID: newID(), At: time.Now().UnixMilli(), By: by, Body: body},
		until: time.Now().Add(submitWait), answer: make(chan answer, 1),
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
			return cluster.Outcome{}, fmt.Errorf("%w: %w", ErrUnknown, ErrStopping)
		}
	case <-ctx.Done():
		return cluster.Outcome{}, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

func (n *Node) submit(now time.Time, in submitIn) {
	encoded, err := in.cmd.Encode()
	switch {
	case err != nil:
	case len(n.waiters) >= waitersMax:
		err = ErrBusy
	case n.replica == nil:
		err = fmt.Errorf("%w: the node belongs to no cluster yet", ErrNoQuorum)
	}
	if err != nil {
		in.answer <- answer{err: err}
		return
	}
	n.waiters[in.cmd.ID] = waiter{encoded: encoded, until: in.until, retry: now.Add(proposeRetry), answer: in.answer}
	n.route(encoded)
}

// proposeOwn puts a command of this leader's machine into the log.
func (n *Node) proposeOwn(now time.Time, body cluster.Body) {
	encoded, err := cluster.Command{ID: newID(), At: now.UnixMilli(), By: string(n.cfg.Name), Body: body}.Encode()
	if err != nil {
		n.log.Error().Err(err).Msg("a decision could not be encoded")
		return
	}
	n.propose(encoded)
}

// route sends a command to the leader, wherever it is.
func (n *Node) route(encoded []byte) {
	switch {
	case n.leads:
		n.propose(encoded)
	case n.leader != "":
		n.bus.Send(string(n.leader), bus.KindProposal, encoded)
	}
}

func (n *Node) propose(encoded []byte) {
	if err := n.replica.Propose(encoded); err != nil && !errors.Is(err, consensus.ErrNotLeader) {
		n.log.Debug().Err(err).Msg("proposal dropped; it will be made again")
	}
}

// resubmit sends what is under way to the new leader. The ids in the commands
// keep them from taking effect twice.
func (n *Node) resubmit() {
	for _, w := range n.waiters {
		n.route(w.encoded)
	}
}

// answer tells a waiting request what became of it.
func (n *Node) answer(out cluster.Outcome) {
	w, ok := n.waiters[out.ID]
	if !ok {
		return
	}
	if out.Result == cluster.Duplicate {
		return // the first copy answered
	}
	delete(n.waiters, out.ID)
	w.answer <- answer{out: out}
}

func (n *Node) expireWaiters(now time.Time) {
	for id, w := range n.waiters {
		switch {
		case now.After(w.until):
			delete(n.waiters, id)
			err := fmt.Errorf("%w: %s", ErrNoQuorum, n.authority)
			if n.authority == "" {
				err = fmt.Errorf("%w within %s; look at evenkeel status", ErrUnknown, submitWait)
			}
			w.answer <- answer{err: err}
		case now.After(w.retry):
			w.retry = now.Add(proposeRetry)
			n.waiters[id] = w
			n.route(w.encoded)
		}
	}
}

// dismissWaiters answers everybody who still waits when the node stops.
func (n *Node) dismissWaiters() {
	for _, w := range n.waiters {
		w.answer <- answer{err: fmt.Errorf("%w: %w", ErrUnknown, ErrStopping)}
	}
	clear(n.waiters)
}
