// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/health"
)

// ErrClosed says that a Set was closed.
var ErrClosed = errors.New("set of checks is closed")

// startStep is the time between the first probes of checks that start together. It is bounded by maxStart for the last
// of them.
const (
	startStep = 5 * time.Millisecond
	maxStart  = time.Second
)

// State is what a running check says.
type State struct {
	// Condition is the present condition.
	Condition health.Condition
	// Reason says why in words.
	Reason string
	// Since is when the condition began, zero while it is Unknown.
	Since time.Time
}

// Set runs many checks, each under a key. Its methods may be called from any goroutine.
type Set struct {
	report func(key string, c health.Change)
	log    zerolog.Logger

	replacing sync.Mutex // one Replace or Close at a time

	mu      sync.Mutex // guards what follows
	running map[string]*running
	closed  bool
}

// running is a check of a set.
type running struct {
	spec   Spec      // all but Quiet, which may have changed since
	quiet  chan bool // tells the check; guarded by Set.mu
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing is left of it

	stopping bool  // guarded by Set.mu
	state    State // guarded by Set.mu
}

// runs tells whether this is the check that is wanted, and goes on, be it quiet or not. The caller holds mu.
func (r *running) runs(want Spec) bool {
	want.Quiet = r.spec.Quiet

	return !r.stopping && reflect.DeepEqual(want, r.spec)
}

// NewSet makes an empty set. It calls report for each change, one at a time and in order for each key, but at once
// for different keys. A report must not call Replace or Close, since those wait for it.
func NewSet(report func(key string, c health.Change), log zerolog.Logger) *Set {
	return &Set{report: report, log: log, running: make(map[string]*running)}
}

// Replace makes the set run these checks and no others. A check whose spec is unchanged goes on with all it has
// learned; one that is new or changed starts with Unknown; one that is gone is stopped and awaited. Being Quiet or not is
// no change of the spec: those that go on are told at once, before anything is awaited, and let go of their connection,
// or open one, a moment later. If any spec is wrong, nothing changes and the error names them all. When ctx ends before
// the stopped checks did, the error says so, they end by themselves, and the others do not start: call Replace again.
func (s *Set) Replace(ctx context.Context, specs map[string]Spec) error {
	s.replacing.Lock()
	defer s.replacing.Unlock()
	fresh, err := s.prepare(specs)
	if err != nil {
		return err
	}
	s.hush(specs)
	if err := s.drop(ctx, func(key string, r *running) bool {
		want, ok := specs[key]
		return !ok || !r.runs(want)
	}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for _, key := range slices.Sorted(maps.Keys(fresh)) {
		s.start(key, fresh[key])
	}

	return nil
}

// prepare makes a runner for each check that is new or changed.
func (s *Set) prepare(specs map[string]Spec) (map[string]*runner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	fresh := make(map[string]*runner)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(specs)) {
		if was, ok := s.running[key]; ok && was.runs(specs[key]) {
			continue
		}
		report := func(c health.Change) { s.report(key, c) }
		offset := min(maxStart, time.Duration(len(fresh))*startStep)
		r, err := newRunner(specs[key], report, []Option{WithLog(s.log), WithOffset(offset)})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
			continue
		}
		fresh[key] = r
	}

	return fresh, errors.Join(errs...)
}

// hush tells the checks that go on whether to be quiet.
func (s *Set) hush(specs map[string]Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, r := range s.running {
		if want, ok := specs[key]; ok && r.runs(want) {
			tell(r.quiet, want.Quiet)
		}
	}
}

// start runs a check. The caller holds mu.
func (s *Set) start(key string, r *runner) {
	ctx, cancel := context.WithCancel(context.Background())
	entry := &running{spec: r.spec, quiet: r.quiet, cancel: cancel, done: make(chan struct{})}
	entry.state.Condition, entry.state.Reason, entry.state.Since = r.judge.State()
	r.observe = func(j *health.Judge) {
		s.mu.Lock()
		defer s.mu.Unlock()
		entry.state.Condition, entry.state.Reason, entry.state.Since = j.State()
	}
	s.running[key] = entry
	go func() {
		defer close(entry.done)
		r.run(ctx)
	}()
}

// drop stops the checks that are chosen, and waits until nothing is left of them. One that did not end in time stays
// in the set, so that the next call waits for it.
func (s *Set) drop(ctx context.Context, chosen func(string, *running) bool) error {
	s.mu.Lock()
	stopping := make(map[string]*running)
	for key, r := range s.running {
		if chosen(key, r) {
			r.cancel()
			r.stopping = true
			stopping[key] = r
		}
	}
	s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(stopping)) {
		select {
		case <-stopping[key].done:
			s.mu.Lock()
			delete(s.running, key)
			s.mu.Unlock()
		case <-ctx.Done():
			return fmt.Errorf("stopping check %s: %w", key, ctx.Err())
		}
	}

	return nil
}

// States tells what each check says now.
func (s *Set) States() map[string]State {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make(map[string]State, len(s.running))
	for key, r := range s.running {
		states[key] = r.state
	}

	return states
}

// Close stops all checks and waits for them. It may be called more than once.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.replacing.Lock()
	defer s.replacing.Unlock()
	all := func(string, *running) bool { return true }
	if err := s.drop(context.Background(), all); err != nil {
		s.log.Error().Err(err).Msg("closing the set of checks") // a context that never ends gives no error
	}
}
