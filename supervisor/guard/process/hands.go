// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

const (
	// actMax is how long one operation may take. The kernel answers in microseconds unless somebody holds its lock over all
	// links.
	actMax = 2 * time.Second
	// probesMax is how many probes run at once.
	probesMax = 32
	// watchRetry is after how long a watch that failed is begun again. The machine looks by itself meanwhile.
	watchRetry = time.Second
)

// actor carries out operations. Its methods may be called by several goroutines.
type actor struct {
	hands  Hands
	gate   Gate
	within time.Duration
	// until is the deadline that the machine goes by.
	until atomic.Int64
	slots chan struct{} // of probes
}

// deadline returns the deadline that the machine goes by.
func (a *actor) deadline() guard.Instant { return guard.Instant(a.until.Load()) }

// do carries out one operation of the hands or the gate, and says what became of it.
func (a *actor) do(ctx context.Context, o guard.Op) guard.Event {
	ctx, cancel := context.WithTimeout(ctx, actMax)
	defer cancel()
	if !o.MayBegin(bootclock.Now(), a.deadline()) {
		return guard.Result{Op: o, Outcome: guard.Late, Detail: "the deadline was there before it began"}
	}
	if o.Kind == guard.OpLook {
		return a.look(ctx, o)
	}
	outcome, detail, err := a.carryOut(ctx, o)
	if err != nil {
		outcome, detail = guard.Failed, err.Error()
	}
	if !o.Counts(bootclock.Now(), a.deadline()) {
		return guard.Result{Op: o, Outcome: guard.Late, Detail: a.undo(ctx, o)}
	}
	return guard.Result{Op: o, Outcome: outcome, Detail: detail}
}

func (a *actor) carryOut(ctx context.Context, o guard.Op) (guard.Outcome, string, error) {
	at := o.Address
	switch o.Kind {
	case guard.OpSetGate:
		return guard.Done, "", a.gate.Set(ctx, at.Prefix.Addr(), at.Interface, o.Until)
	case guard.OpClearGate:
		return guard.Done, "", a.gate.Clear(ctx, at.Prefix.Addr(), at.Interface)
	case guard.OpPrepare:
		return guard.Done, "", a.gate.Prepare(ctx, at.Interface)
	case guard.OpRemove:
		return guard.Done, "", a.hands.Remove(ctx, at)
	case guard.OpAnnounce:
		return guard.Done, "", a.hands.Announce(ctx, at)
	case guard.OpAdd:
		err := a.hands.Add(ctx, at, a.left())
		if errors.Is(err, ErrTaken) {
			return guard.Taken, "this machine itself", nil
		}
		return guard.Done, "", err
	case guard.OpRefresh:
		there, err := a.hands.Refresh(ctx, at, a.left())
		if err == nil && !there {
			return guard.Gone, "", nil
		}
		return guard.Done, "", err
	case guard.OpProbe:
		owner, err := a.hands.Probe(ctx, at, a.within)
		if err == nil && owner != "" {
			return guard.Taken, owner, nil
		}
		return guard.Done, "", err
	case guard.OpLook, guard.OpReport:
	}
	return guard.Failed, "it is no operation of hands or gate", nil
}

// left returns how long the right still lasts.
func (a *actor) left() time.Duration { return max(a.deadline().Sub(bootclock.Now()), 0) }

// undo takes back what came too late (rule N6). What was said to the neighbours cannot be taken back; the gate drops it.
func (a *actor) undo(ctx context.Context, o guard.Op) string {
	if o.Kind != guard.OpAdd && o.Kind != guard.OpRefresh {
		return "the deadline passed meanwhile"
	}
	if err := a.hands.Remove(ctx, o.Address); err != nil {
		return "the deadline passed meanwhile, and it could not be undone: " + err.Error()
	}
	return "the deadline passed meanwhile, and it was undone"
}

func (a *actor) look(ctx context.Context, o guard.Op) guard.Event {
	addresses, err := a.hands.Ours(ctx)
	if err == nil {
		var gates []guard.Gated
		if gates, err = a.gate.Entries(ctx); err == nil {
			return guard.Seen{Addresses: addresses, Gates: gates}
		}
	}
	return guard.Result{Op: o, Outcome: guard.Failed, Detail: err.Error()}
}

// probe carries out a probe when there is room for it.
func (a *actor) probe(ctx context.Context, o guard.Op) guard.Event {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
		return a.do(ctx, o)
	case <-ctx.Done():
		return guard.Result{Op: o, Outcome: guard.Failed, Detail: ctx.Err().Error()}
	}
}

// lane is operations that are carried out one at a time, the most urgent first. What waits is bounded by the machine, which
// has at most one under way of each address.
type lane struct {
	waiting guard.Queue
	next    chan guard.Op
}

func newLane() *lane { return &lane{next: make(chan guard.Op)} }

// offer returns the channel to send first on; it is nil when there is nothing to send.
func (l *lane) offer() (chan<- guard.Op, guard.Op) {
	if len(l.waiting) == 0 {
		return nil, guard.Op{}
	}
	return l.next, l.waiting[0]
}

func (l *lane) taken() { l.waiting.Take() }
