// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/health"
)

// settle is the time between a probe that a hint triggered, and that proved nothing, and the one look more that follows.
// A dying process closes its connections one by one: the hint may come before the listening socket is closed, and the
// first probe may still be taken in by it, to be answered or reset.
const settle = 5 * time.Millisecond

// minGap is the shortest time between two probes that follow the interval, however long the first one took.
const minGap = 5 * time.Millisecond

// Option changes how Run works.
type Option func(*runner)

// WithLog makes Run log what is no change of health, such as hints that cannot be had. Without it nothing is logged.
func WithLog(log zerolog.Logger) Option {
	return func(r *runner) { r.log = log }
}

// WithOffset puts the first probe off, so that many checks which start together do not probe together.
func WithOffset(offset time.Duration) Option {
	return func(r *runner) { r.offset = offset }
}

// runner is one running check. Its loop owns the judge.
type runner struct {
	spec    Spec
	prober  prober
	judge   *health.Judge
	report  func(health.Change)
	observe func(*health.Judge) // told after each probe
	log     zerolog.Logger
	offset  time.Duration
	bus     string // the socket of the system's message bus
	hints   chan hint

	// For the watcher of the connection. Each holds one, the latest.
	up     chan struct{} // the check came up
	served chan *held    // the connection of a probe that succeeded
	quiet  chan bool     // whether to keep no connection
}

// Run carries out a check until ctx ends, and then returns nil. It reports each change from its own goroutine, in
// order; the next probe waits until report returns. The error tells what is wrong with the spec: it comes at once.
func Run(ctx context.Context, spec Spec, report func(health.Change), options ...Option) error {
	r, err := newRunner(spec, report, options)
	if err != nil {
		return err
	}
	r.run(ctx)

	return nil
}

// newRunner checks a spec and prepares to run it.
func newRunner(spec Spec, report func(health.Change), options []Option) (*runner, error) {
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("check %s: %w", spec.Name, err)
	}
	served := make(chan *held, 1)
	p, err := newProber(spec, served)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", spec.Name, err)
	}
	r := &runner{
		spec: spec, prober: p, judge: health.NewJudge(spec.Judge), report: report, log: zerolog.Nop(),
		observe: func(*health.Judge) {}, hints: make(chan hint, maxHints),
		up: make(chan struct{}, 1), served: served, quiet: make(chan bool, 1), bus: systemBus,
	}
	tell(r.quiet, spec.Quiet)
	for _, option := range options {
		option(r)
	}
	r.log = r.log.With().Str("check", spec.Name).Logger()

	return r, nil
}

// run probes until ctx ends, with its watchers beside it.
func (r *runner) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range r.watchers() {
		wg.Go(func() { w.run(ctx) })
	}
	r.loop(ctx)
	wg.Wait()
	select {
	case h := <-r.served:
		h.drop()
	default:
	}
}

// watchers are the sources of hints that the spec asks for.
func (r *runner) watchers() []watcher {
	if r.spec.Watch == nil {
		return nil
	}
	var list []watcher
	if r.spec.Watch.Connection {
		list = append(list, &connWatcher{
			target: r.spec.target(), timeout: r.spec.Timeout, hints: r.hints, up: r.up, served: r.served, quiet: r.quiet,
		})
	}
	if file := r.spec.Watch.PIDFile; file != "" {
		list = append(list, &pidWatcher{file: file, every: r.spec.Interval, hints: r.hints, log: r.log})
	}
	if unit := r.spec.Watch.Unit; unit != "" {
		list = append(list, &unitWatcher{unit: unit, socket: r.bus, hints: r.hints, log: r.log})
	}

	return list
}

// loop probes when it is time, or when there is a hint.
func (r *runner) loop(ctx context.Context) {
	timer := time.NewTimer(r.offset)
	defer timer.Stop()
	var h hint // why we probe; none when it was merely time
	settling := false
	for {
		select {
		case <-ctx.Done():
			return
		case got := <-r.hints:
			h, settling = h.merge(got), false
		case <-timer.C:
		}
		began := time.Now()
		result, more := r.attempt(ctx, h)
		if ctx.Err() != nil {
			return
		}
		if h.none() && !more.none() {
			// The probe was cut short by a hint: what it saw is out of date.
			h = more
			timer.Reset(0)

			continue
		}
		r.step(result)
		switch condition, _, _ := r.judge.State(); {
		case !more.none():
			h, settling = more, false
			timer.Reset(0)
		case !h.none() && condition != health.Down && !settling && (result.OK || time.Since(began) < minReopen):
			settling = true
			timer.Reset(settle)
		default:
			h, settling = hint{}, false
			timer.Reset(max(minGap, r.interval(result)-time.Since(began)))
		}
	}
}

// attempt carries out one probe. A hint that comes meanwhile is returned; it ends a probe that was not asked for by a
// hint itself, since that one may hang on what has just died. A probe that a hint asked for always comes to its end, so
// that a flood of hints cannot keep the check from a result.
func (r *runner) attempt(ctx context.Context, why hint) (health.Result, hint) {
	ctx, cancel := context.WithTimeout(ctx, r.spec.Timeout)
	defer cancel()
	done := make(chan health.Result, 1) // never blocks the probe
	go func() { done <- r.prober.once(ctx).result(ctx, r.spec.Timeout, why) }()
	var more hint
	for {
		select {
		case result := <-done:
			return result, more
		case got := <-r.hints:
			more = more.merge(got)
			if why.none() {
				cancel()
			}
		}
	}
}

// step tells the judge, and reports what it says.
func (r *runner) step(result health.Result) {
	change, changed := r.judge.Step(time.Now(), result)
	r.observe(r.judge)
	if !changed {
		return
	}
	if change.To == health.Up {
		select {
		case r.up <- struct{}{}:
		default:
		}
	}
	r.report(change)
}

// interval is the time to the next probe. It is short while a failure waits to be confirmed.
func (r *runner) interval(last health.Result) time.Duration {
	base := r.spec.Interval
	if condition, _, _ := r.judge.State(); !last.OK && condition != health.Down && r.spec.FastInterval > 0 {
		base = r.spec.FastInterval
	}
	share := r.spec.Jitter
	if share == 0 {
		share = DefaultJitter
	}
	//nolint:gosec // spreads load, guards nothing
	return base + time.Duration(float64(base)*share*(2*rand.Float64()-1))
}
