// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/link"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

// watchRetry is after how long a watch of the links that failed is begun again.
const watchRetry = time.Second

// Options are what a holder is made of.
type Options struct {
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

// Holder is a node's port to its guard. It begins a guard when there is first something that the node may hold.
type Holder struct {
	opts  Options
	link  *link.Link
	clock *bootclock.Clock // of the node's loop
	begin chan struct{}    // closed when a guard is needed
	once  sync.Once
	news  chan struct{} // holds one: look again

	mu       sync.Mutex
	holds    node.Hold
	until    guard.Instant // the deadline that the guard was told
	told     uint64        // the newest order that it was told
	number   uint64        // of the link's order that says so
	said     link.Report   // by the guard
	lost     time.Time     // since when the guard cannot be told anything; zero = it can
	carriers carriers
}

var _ node.Guard = (*Holder)(nil)

// New returns a holder that holds nothing.
func New(o Options) *Holder {
	h := &Holder{
		opts: o, clock: bootclock.NewClock(), begin: make(chan struct{}), news: make(chan struct{}, 1),
		carriers: carriers{settle: o.Settle, bad: map[string]fault{}},
	}
	h.link = link.New(link.Options{Socket: o.Socket, Command: o.Command, Report: h.hear, Log: o.Log})
	return h
}

// Sample implements node.Guard.
func (h *Holder) Sample() { h.clock.Sample() }

// Hold implements node.Guard. A deadline that was told holds, whatever becomes of the right: it is what the others wait for. A
// node that was started again has no right yet; until it has, its guard goes by what the former process told it.
func (h *Holder) Hold(w node.Hold) {
	h.mu.Lock()
	again := h.holds.Order != w.Order
	h.holds = w
	if !w.Since.IsZero() {
		h.until = max(h.until, h.clock.Until(w.Since, w.Until.Sub(w.Since)))
	}
	if h.until > 0 || len(w.Holdings) == 0 {
		h.number, h.told = h.link.Want(link.Want{Units: orderOf(w.Holdings), Links: w.Links, Until: h.until}), w.Order
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
	h.said = r
	switch {
	case r.Connected:
		h.lost = time.Time{}
	case h.lost.IsZero():
		h.lost = time.Now()
	}
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
	g, within := errgroup.WithContext(ctx)
	g.Go(func() error { return h.link.Run(within) })
	g.Go(func() error { return h.watch(within, links) })
	g.Go(func() error {
		h.report(within, report)
		return nil
	})
	return errors.Join(g.Wait(), links.Close())
}

// watch has the links looked at whenever one changes.
func (h *Holder) watch(ctx context.Context, links *vip.Links) error {
	for ctx.Err() == nil {
		err := links.Watch(ctx, func(c vip.Change) {
			if c.Kind == vip.LinkUp || c.Kind == vip.LinkDown || c.Kind == vip.LinkGone || c.Kind == vip.LookAgain {
				h.look()
			}
		})
		if ctx.Err() != nil {
			break
		}
		h.opts.Log.Warn().Err(err).Msg("the links are not watched at present; the watch is begun again")
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
		}
	}
	return nil
}

// report passes on how the guard and the links stand, whenever that changed.
func (h *Holder) report(ctx context.Context, tell func(core.Guarded)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var last core.Guarded
	for {
		now := time.Now()
		g, again := h.stands(now)
		if !same(g, last) {
			last = g
			tell(g)
		}
		if again.IsZero() {
			again = now.Add(time.Hour)
		}
		timer.Reset(again.Sub(now))
		select {
		case <-h.news:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// stands is how the guard and the links stand, and when that changes by itself.
func (h *Holder) stands(now time.Time) (g core.Guarded, again time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	again = h.carriers.look(now, h.holds.Links, linkState)
	g = core.Guarded{Class: lease.Class(h.said.Guard.Class), Why: h.said.Guard.Why, Lacks: h.carriers.lacks(now)}
	if h.holds.Order > 0 {
		g.Order = h.holds.Order - 1
	}
	if !h.lost.IsZero() {
		if ripe := h.lost.Add(h.opts.Bears); now.Before(ripe) {
			g.Units = unitsOf(h.said.Status)
			if again.IsZero() || ripe.Before(again) {
				again = ripe
			}
			return g, again
		}
		for _, w := range h.holds.Holdings {
			g.Units = append(g.Units, core.Unit{
				Resource: w.Resource, Epoch: w.Epoch, State: bus.ResourceTrouble,
				Reason: fmt.Sprintf("the guard of this node cannot be told anything: %v", h.said.Err),
			})
		}
		return g, again
	}
	if h.said.Status.Answers >= h.number && h.number > 0 && h.told == h.holds.Order && vouches(h.said.Status) {
		g.Order = h.holds.Order
	}
	g.Units = unitsOf(h.said.Status)
	return g, again
}

func same(a, b core.Guarded) bool {
	return a.Class == b.Class && a.Why == b.Why && a.Order == b.Order && slices.Equal(a.Units, b.Units) && slices.Equal(a.Lacks, b.Lacks)
}
