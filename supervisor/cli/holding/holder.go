// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/mover"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/usage"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/link"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

// watchRetry is after how long a watch of the links that failed is begun again.
const watchRetry = time.Second

// Options are what a holder is made of.
type Options struct {
	// Node is the name of this node.
	Node string
	// Socket is the path of the guard's socket.
	Socket string
	// Command is the program that is a guard, and its arguments.
	Command []string
	// Bears is for how long it is borne that the guard cannot be told anything, before that is trouble: as long as a right lasts.
	Bears time.Duration
	// Settle is how long a link must have been without carrier before that is trouble.
	Settle time.Duration
	Log    zerolog.Logger
}

// Holder is a node's port to its guard. It begins a guard when there is first something that the node may hold, and a mover when it
// first holds something that a command moves.
type Holder struct {
	opts  Options
	link  *link.Link
	mover *mover.Mover
	clock *holdings.Clock // of the node's loop
	begin chan struct{}   // closed when a guard is needed
	once  sync.Once
	move  chan struct{} // closed when a mover is needed
	news  chan struct{} // holds one: look again

	mu       sync.Mutex
	ledger   holdings.Ledger
	moves    bool // there was something that a command moves
	moved    []mover.Status
	quiet    quiet
	carriers carriers
}

var _ node.Guard = (*Holder)(nil)

// New returns a holder that holds nothing.
func New(o Options) *Holder {
	h := &Holder{
		opts: o, clock: holdings.NewClock(bootclock.Now(), time.Now()), begin: make(chan struct{}), move: make(chan struct{}), news: make(chan struct{}, 1),
		ledger: holdings.Ledger{Bears: o.Bears}, carriers: carriers{settle: o.Settle, bad: map[string]fault{}},
	}
	h.link = link.New(link.Options{Socket: o.Socket, Command: o.Command, Report: h.hear, Log: o.Log})
	h.mover = mover.New(mover.Options{Node: o.Node, Report: h.hearMover, Log: o.Log})
	return h
}

// Sample implements node.Guard.
func (h *Holder) Sample() { h.clock.Sample(bootclock.Now(), time.Now()) }

// Hold implements node.Guard.
func (h *Holder) Hold(w holdings.Hold) {
	h.mu.Lock()
	again := h.ledger.Holds().Order != w.Order
	h.ledger.Hold(w, h.clock.Until(w.Since, w.Until.Sub(w.Since)))
	h.link.Want(h.ledger.Wanted())
	switch {
	case again:
		h.tellMover()
	case h.moves:
		h.mover.Until(h.ledger.Holds().Since, h.ledger.Holds().Until)
	}
	h.mu.Unlock()
	h.once.Do(func() { close(h.begin) })
	if again {
		h.look()
	}
}

// look has the report made again.
func (h *Holder) look() {
	select {
	case h.news <- struct{}{}:
	default: // it is about to be
	}
}

// hear takes what the link says of the guard.
func (h *Holder) hear(r link.Report) {
	h.mu.Lock()
	h.ledger.Hear(time.Now(), holdings.Said{Connected: r.Connected, Class: r.Guard.Class, Why: r.Guard.Why, Status: r.Status, Err: r.Err})
	h.tellMover()
	h.mu.Unlock()
	h.look()
}

// Run implements node.Guard. The guard is left running when it returns: it holds what it holds until its deadline.
func (h *Holder) Run(ctx context.Context, report func(core.Guarded)) error {
	select {
	case <-h.begin:
	case <-ctx.Done():
		return nil
	}
	links, err := vip.Open(vip.Options{})
	if err != nil {
		return err
	}
	sockets, err := usage.Open()
	if err != nil {
		return errors.Join(err, links.Close())
	}
	g, within := errgroup.WithContext(ctx)
	g.Go(func() error { return h.link.Run(within) })
	g.Go(func() error {
		h.watch(within, links)
		return nil
	})
	g.Go(func() error { return h.runMover(within) })
	g.Go(func() error {
		h.attend(within, sockets.Used)
		return nil
	})
	g.Go(func() error {
		h.advise(within, links.Sysctls)
		return nil
	})
	g.Go(func() error {
		h.report(within, report)
		return nil
	})
	return errors.Join(g.Wait(), sockets.Close(), links.Close())
}

// watch has the links looked at whenever one changes.
func (h *Holder) watch(ctx context.Context, links *vip.Links) {
	for {
		err := links.Watch(ctx, func(c vip.Change) {
			if c.Kind == vip.LinkUp || c.Kind == vip.LinkDown || c.Kind == vip.LinkGone || c.Kind == vip.LookAgain {
				h.look()
			}
		})
		if ctx.Err() != nil {
			return
		}
		h.opts.Log.Warn().Err(err).Msg("the links are not watched at present; the watch is begun again")
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
			return
		}
	}
}
