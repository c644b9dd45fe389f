// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

// arrived puts a supervisor in the place of the one that was there.
func (p *process) arrived(ctx context.Context, c *peer) {
	select {
	case p.slots <- struct{}{}:
	default:
		p.refused(errors.Join(errors.New("too many connections are being closed"), c.conn.Close()))
		return
	}
	if p.peer != nil {
		p.Log.Info().Int32("pid", p.peer.pid).Int32("by", c.pid).Msg("the supervisor is replaced")
		p.peer.close(wire.ByeNewer)
	}
	p.peer = c
	p.talks.Go(func() { c.read(ctx, p.said) })
	p.talks.Go(func() {
		c.write(p.hello)
		<-p.slots
	})
	p.Log.Info().Int32("pid", c.pid).Msg("a supervisor connects")
	p.step(ctx, guard.Attached{})
}

// heard passes on what the supervisor says. Whoever was replaced is not heard any more.
func (p *process) heard(ctx context.Context, s said) {
	if s.by != p.peer {
		return
	}
	switch {
	case s.err != nil:
		level := zerolog.WarnLevel
		if errors.Is(s.err, io.EOF) {
			level = zerolog.InfoLevel
		}
		p.Log.WithLevel(level).Err(s.err).Int32("pid", s.by.pid).Dur("left", p.left()).
			Msg("the supervisor is gone; what it ordered is held until its deadline")
		s.by.close("")
		p.peer = nil
		p.step(ctx, guard.Lost{})
	case s.msg.Order != nil:
		p.step(ctx, *s.msg.Order)
	case s.msg.Extend != nil:
		p.step(ctx, *s.msg.Extend)
	}
}

// left returns how long the right still lasts.
func (p *process) left() time.Duration { return max(p.machine.Until().Sub(bootclock.Now()), 0) }

// note writes down what matters of what happened.
func (p *process) note(ev guard.Event) {
	switch ev := ev.(type) {
	case guard.Order:
		p.Log.Info().Uint64("order", ev.Number).Int("units", len(ev.Units)).Dur("right", ev.Until.Sub(bootclock.Now())).Msg("ordered")
	case guard.LinkUp:
		p.Log.Info().Str("link", ev.Interface).Msg("the link is up")
	case guard.Quit:
		p.Log.Info().Msg("told to end: everything is let go")
	case guard.Result:
		if ev.Outcome != guard.Done {
			p.Log.Warn().Str("outcome", ev.Outcome.String()).Str("detail", ev.Detail).Msg(ev.Op.String())
		}
	case guard.Extend, guard.Attached, guard.Lost, guard.Tick, guard.Changed, guard.Seen:
	}
}

// noteOp writes down what is to be done. What is done over and over is for who looks closely.
func (p *process) noteOp(o guard.Op) {
	level := zerolog.InfoLevel
	switch o.Kind {
	case guard.OpLook, guard.OpRefresh, guard.OpAnnounce, guard.OpProbe:
		level = zerolog.DebugLevel
	case guard.OpSetGate:
		if o.Until > 0 {
			level = zerolog.DebugLevel
		}
	case guard.OpRemove, guard.OpClearGate, guard.OpAdd, guard.OpPrepare, guard.OpReport:
	}
	if p.Log.GetLevel() <= level { // the words are made only for who reads them
		p.Log.WithLevel(level).Str("why", o.Why).Msg(o.String())
	}
}
