// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

const (
	// napMax is the longest time between two readings of the boot clock: the timers of a process stand still while the machine
	// sleeps, and the boot clock does not.
	napMax = 200 * time.Millisecond
	// quitMax is how long letting go may take when the guard is told to end. What is left then is left to the kernel.
	quitMax = 3 * time.Second
	// batch is how many answers of hands and gate one step may take in.
	batch = 64
)

// loop owns the machine. It ends when everything was let go after the guard was told to end, when that takes too long, or when
// nobody has needed the guard for a while.
func (p *process) loop(ctx context.Context, over <-chan struct{}) error {
	p.needed = bootclock.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var late <-chan time.Time
	for {
		toHands, op := p.onHands.offer()
		toGate, gateOp := p.onGate.offer()
		select {
		case toHands <- op:
			p.onHands.taken()
			continue // the machine knows nothing new
		case toGate <- gateOp:
			p.onGate.taken()
			continue
		case <-over:
			over, p.quitting = nil, true
			late = time.After(quitMax)
			p.step(ctx, guard.Quit{})
		case <-late:
			return fmt.Errorf("not everything was let go within %s; the kernel drops it at the deadline", quitMax)
		case c := <-p.arrivals:
			p.arrived(ctx, c)
		case s := <-p.said:
			p.heard(ctx, s)
		case ev := <-p.results:
			p.step(ctx, p.gather(ev)...)
		case <-timer.C:
			p.step(ctx, guard.Tick{})
		}
		if p.quitting && p.machine.Empty() {
			p.Log.Info().Msg("everything was let go; the guard ends")
			return nil
		}
		if p.forsaken() {
			p.Log.Info().Dur("for", p.Linger).Msg("nobody has needed the guard; it ends")
			return nil
		}
		timer.Reset(min(max(p.machine.Due().Sub(bootclock.Now()), 0), napMax))
	}
}

// forsaken tells whether nobody has needed the guard for long enough.
func (p *process) forsaken() bool {
	now := bootclock.Now()
	if p.peer != nil || !p.machine.Unused() {
		p.needed = now
	}
	return now >= p.needed.Add(p.Linger)
}

// gather takes in what else has come meanwhile.
func (p *process) gather(first guard.Event) []guard.Event {
	events := []guard.Event{first}
	for len(events) < batch {
		select {
		case ev := <-p.results:
			events = append(events, ev)
		default:
			return events
		}
	}
	return events
}

// step lets the machine decide, and has carried out what it decides.
func (p *process) step(ctx context.Context, events ...guard.Event) {
	for _, ev := range events {
		p.note(ev)
	}
	ops := p.machine.Step(bootclock.Now(), events...)
	p.actor.until.Store(int64(p.machine.Until())) // before anything is carried out
	for _, o := range ops {
		switch {
		case o.Kind == guard.OpReport:
			if p.peer != nil {
				p.peer.tell(p.machine.Status())
			}
			continue
		case o.Kind == guard.OpProbe:
			p.acts.Go(func() { p.pass(ctx, p.actor.probe(ctx, o)) })
		case o.Kind.ForGate():
			p.onGate.waiting.Add(o)
		default:
			p.onHands.waiting.Add(o)
		}
		p.noteOp(o)
	}
}

// work carries out the operations of a lane.
func (p *process) work(ctx context.Context, l *lane) {
	for {
		select {
		case o := <-l.next:
			if !p.pass(ctx, p.actor.do(ctx, o)) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// watch tells the machine of what changes on the links.
func (p *process) watch(ctx context.Context) {
	for {
		err := p.Hands.Watch(ctx, func(ev guard.Event) { p.pass(ctx, ev) })
		if ctx.Err() != nil {
			return
		}
		p.Log.Warn().Err(err).Msg("the links are not watched at present; they are looked at now and then")
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
			return
		}
	}
}

// pass gives the loop an event. It tells whether the loop still takes any.
func (p *process) pass(ctx context.Context, ev guard.Event) bool {
	select {
	case p.results <- ev:
		return true
	case <-ctx.Done():
		return false
	}
}
