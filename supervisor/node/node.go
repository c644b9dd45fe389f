// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// inboxSize bounds what waits for the loop. Messages of the bus beyond it are
// dropped: the bus may lose, and what matters is sent again.
const inboxSize = 4096

// ErrStorage tells that the disk failed: the node stops rather than forget.
var ErrStorage = errors.New("the log cannot be written")

// Node is one node of the cluster. Make one with New and call Run once.
type Node struct {
	cfg       core.Config
	id        core.Identity
	log       zerolog.Logger
	bus       Bus
	store     Store
	prober    Prober
	balancers Balancers
	guard     Guard
	recorder  Recorder

	inbox chan any // core.Input, or question
	disk  chan core.Job
	ended chan struct{} // closed when the loop has ended
	hub   *hub

	// What follows belongs to the loop.
	core    *core.Core
	toDisk  []core.Job    // what waits for the disk, oldest first
	failure error         // why the node cannot go on
	until   time.Time     // as the balancers were told
	hold    holdings.Hold // as the guard was told
	rails   []core.Rail
	asked   map[string]chan answer // requests under way, by the id of their command
}

// Ports are the outside world of a node.
type Ports struct {
	Bus       Bus
	Store     Store
	Prober    Prober
	Balancers Balancers
	Guard     Guard
	Recorder  Recorder // nil is none
}

// New makes a node in a new life.
func New(cfg core.Config, id core.Identity, p Ports, log zerolog.Logger) *Node {
	if p.Recorder == nil {
		p.Recorder = unrecorded{}
	}
	return &Node{
		cfg: cfg, id: id, log: log, bus: p.Bus, store: p.Store, prober: p.Prober, balancers: p.Balancers, guard: p.Guard, recorder: p.Recorder,
		inbox: make(chan any, inboxSize), disk: make(chan core.Job), ended: make(chan struct{}), hub: newHub(),
		asked: map[string]chan answer{},
	}
}

// Run runs the node until ctx ends or the disk fails. When ctx ends, the node
// says that it leaves and waits a moment for the cluster to agree.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.ended)
	held, err := n.held()
	if err != nil {
		return err
	}
	now := time.Now()
	n.recorder.Begin()
	n.core, err = core.New(now, n.cfg, n.id, held)
	n.recorder.Made(now, n.cfg, n.id, held)
	if err != nil {
		return err
	}
	// The shell outlives ctx by the time that leaving takes.
	shell, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, shell := errgroup.WithContext(shell)
	g.Go(func() error {
		return fatal(shell, "bus", n.bus.Run(shell, func(env bus.Envelope, _ int) { n.hear(env) }))
	})
	g.Go(func() error { return n.writeDisk(shell) })
	g.Go(func() error {
		err := n.prober.Run(shell, func(id cluster.MemberID, c health.Change) { n.post(shell, core.Probed{Member: id, Change: c}) })
		return fatal(shell, "prober", err)
	})
	g.Go(func() error {
		err := n.balancers.Run(shell, func(r converge.Report) { n.post(shell, core.Balanced{Report: r}) })
		return fatal(shell, "balancers", err)
	})
	g.Go(func() error {
		err := n.guard.Run(shell, func(r core.Guarded) { n.post(shell, r) })
		return fatal(shell, "guard", err)
	})
	g.Go(func() error {
		defer stop()
		return n.loop(ctx, shell)
	})
	return g.Wait()
}

// fatal makes an error of a part of the shell that ended by itself.
func fatal(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	if err == nil {
		err = errors.New("it ended by itself")
	}
	return fmt.Errorf("%s: %w", what, err)
}

// hear gives the loop a message of another node, which may be lost.
func (n *Node) hear(env bus.Envelope) {
	body, err := bus.DecodeBody(env.Kind, env.Payload)
	if err != nil {
		n.log.Debug().Err(err).Str("from", env.From).Msg("message dropped")
		return
	}
	env.Payload = nil
	select {
	case n.inbox <- core.Heard{Envelope: env, Body: body, At: time.Now()}:
	default:
	}
}

// post gives the loop something that must not be lost.
func (n *Node) post(ctx context.Context, in any) {
	select {
	case n.inbox <- in:
	case <-ctx.Done():
	}
}
