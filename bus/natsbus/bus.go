// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// ErrRunning means that Run was called a second time.
var ErrRunning = errors.New("bus already ran")

// Handler takes one frame that came first by the given rail, counted from 0. It is called from one goroutine at a time and should not wait: while it does,
// frames queue up, and past the bound the oldest are lost.
type Handler = func(env bus.Envelope, rail int)

// Bus is this node's end of the bus. All methods are safe for concurrent use.
type Bus struct {
	opt   Options
	log   zerolog.Logger
	all   string
	rails []*rail

	ran    atomic.Bool
	newest struct { // message of ours
		sync.Mutex
		boot, seq uint64
	}
	receive struct {
		sync.Mutex
		window  bus.Window
		handler Handler // nil before Run and after it
	}
	foreign, twin, unsealed limiter
}

// New checks the options and makes a bus; nothing listens before Run.
func New(opt Options) (*Bus, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	b := &Bus{opt: opt, log: opt.Log, all: bus.SubjectAll(opt.Sealer.Network())}
	b.newest.boot = opt.Boot
	for i, conf := range opt.Rails {
		r, err := newRail(b, i, conf)
		if err != nil {
			return nil, fmt.Errorf("rail %s: %w", conf.Name, err)
		}
		b.rails = append(b.rails, r)
	}
	return b, nil
}

// Run starts the rails and hands every first copy of a frame to handler until ctx ends; then it stops the servers, each within a deadline. It can be called
// once. A rail that fails is no error of Run; only a server that does not stop is.
func (b *Bus) Run(ctx context.Context, handler Handler) error {
	if b.ran.Swap(true) {
		return ErrRunning
	}
	b.setHandler(handler)
	errs := make([]error, len(b.rails))
	var wg sync.WaitGroup
	for i, r := range b.rails {
		wg.Go(func() { errs[i] = r.run(ctx) })
	}
	wg.Wait()
	b.setHandler(nil)
	return errors.Join(errs...)
}

func (b *Bus) setHandler(h Handler) {
	b.receive.Lock()
	defer b.receive.Unlock()
	b.receive.handler = h
}

// Send seals frames and queues them on every rail, in their order. It never waits and keeps no part of a payload. A frame that breaks a limit of package
// bus is left out, which is logged. Frames that go out together share the way: give them together.
func (b *Bus) Send(frames ...bus.Outgoing) {
	sealed := make([]outgoing, 0, len(frames))
	for _, f := range frames {
		frame, err := b.opt.Sealer.Seal(f.Envelope)
		if err != nil {
			if more, ok := b.unsealed.allow(time.Now()); ok {
				b.log.Error().Err(err).Stringer("kind", f.Envelope.Kind).Uint64("more", more).Msg("frame not sent")
			}
			continue
		}
		subject := b.all
		if f.To != "" {
			subject = bus.SubjectTo(b.opt.Sealer.Network(), f.To)
		}
		sealed = append(sealed, outgoing{subject: subject, frame: frame})
		b.said(f.Envelope)
	}
	for _, r := range b.rails {
		r.send(sealed)
	}
}

// said remembers the newest message of ours.
func (b *Bus) said(env bus.Envelope) {
	b.newest.Lock()
	defer b.newest.Unlock()
	if env.Boot > b.newest.boot || env.Boot == b.newest.boot && env.Seq > b.newest.seq {
		b.newest.boot, b.newest.seq = env.Boot, env.Seq
	}
}

// Rails returns the state of each rail, in the order of the options.
func (b *Bus) Rails() []bus.RailStatus {
	out := make([]bus.RailStatus, len(b.rails))
	for i, r := range b.rails {
		out[i] = r.status()
	}
	return out
}

// deliver opens a frame that came by a rail and hands it on when it is the first copy.
func (b *Bus) deliver(r *rail, frame []byte) {
	now := time.Now()
	env, err := b.opt.Sealer.Open(frame)
	if err != nil {
		r.refused.Add(1)
		if more, ok := b.foreign.allow(now); ok {
			b.log.Warn().Err(err).Str("rail", r.name).Int("bytes", len(frame)).Uint64("more", more).Msg("frame refused")
		}
		return
	}
	if env.From == b.opt.Node {
		b.own(r, env, now)
		return
	}
	r.hear(env.From, now)
	b.receive.Lock()
	defer b.receive.Unlock()
	if b.receive.handler != nil && b.receive.window.Accept(env.From, env.Install, env.Boot, env.Seq) {
		b.receive.handler(env, r.index)
	}
}

// own looks at a frame under our own name. Servers do not echo, so it is an old frame of ours that somebody replays, or a second node with our name: it has
// another installation, or, when the whole machine was copied, it says what we have never said.
func (b *Bus) own(r *rail, env bus.Envelope, now time.Time) {
	b.newest.Lock()
	ours := env.Install == b.opt.Install &&
		(env.Boot < b.newest.boot || env.Boot == b.newest.boot && env.Seq <= b.newest.seq)
	b.newest.Unlock()
	if ours {
		return
	}
	r.twins.Add(1)
	if more, ok := b.twin.allow(now); ok {
		b.log.Error().Str("rail", r.name).Str("node", env.From).Uint64("install", env.Install).Uint64("boot", env.Boot).Uint64("more", more).
			Msg("another node uses our name: its frames are ignored")
	}
}
