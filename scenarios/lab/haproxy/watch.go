// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// DefaultInterval is the time between two polls.
	DefaultInterval = time.Millisecond
	// maxChanges bounds the changes that are kept; the oldest are dropped first.
	maxChanges = 10_000
	// retryInterval is the time between two polls while the socket does not answer.
	retryInterval = 10 * time.Millisecond
)

// Options say which HAProxy is watched.
type Options struct {
	// Socket is the path of the stats socket; level user is enough.
	Socket string
	// Backend limits the watch to one backend; empty means all.
	Backend string
	// Interval is the time between two polls; 0 means [DefaultInterval].
	Interval time.Duration
	// Polls is how many polls go over one connection; 0 means [DefaultPolls]. With 1, a new worker is seen at once.
	Polls int
}

// Server names a server as HAProxy does.
type Server struct{ Backend, Name string }

// String returns the name as HAProxy's commands take it.
func (s Server) String() string { return s.Backend + "/" + s.Name }

// State is what HAProxy says of a server.
type State struct {
	// Op is the operational state: 0 stopped, 1 starting, 2 running, 3 stopping (srv_op_state of the Management Guide).
	Op int
	// Admin are the bits of the administrative state: 1, 2, 4, 32 and 64 are kinds of maintenance, 8 and 16 of drain.
	Admin int
	// Weight is the server's present weight.
	Weight int
}

// InRotation says whether new requests go to the server.
func (s State) InRotation() bool { return (s.Op == 1 || s.Op == 2) && s.Admin == 0 && s.Weight > 0 }

// String says the state in HAProxy's words.
func (s State) String() string {
	switch {
	case s.Admin&(1|2|4|32|64) != 0:
		return "MAINT"
	case s.Admin&(8|16) != 0:
		return "DRAIN"
	case s.Op == 0:
		return "DOWN"
	case s.Op == 3:
		return "NOLB"
	case s.Weight == 0:
		return "UP with weight 0"
	default:
		return "UP"
	}
}

// Change is one server's change of state.
type Change struct {
	Server   Server
	From, To State
	// After is when the last question was asked whose answer still showed the former state, At when the first answer
	// that showed the new state was complete: the change came between the two.
	After, At time.Time
}

// Left says whether the server left rotation by this change.
func (c Change) Left() bool { return c.From.InRotation() && !c.To.InRotation() }

// Entered says whether the server came into rotation by this change.
func (c Change) Entered() bool { return !c.From.InRotation() && c.To.InRotation() }

// Watch polls one HAProxy.
type Watch struct {
	opts Options
	wake chan struct{} // holds one: that armed has changed

	mu      sync.Mutex
	armed   bool
	armedAt time.Time
	ready   chan struct{} // closed by the first good poll after arming
	changed chan struct{} // closed by the next change
	wishes  []wish        // for the next answer
	states  map[Server]State
	changes []Change
	polls   int64
	errors  int64
	lastErr error
}

// New makes a watch that is not armed.
func New(opts Options) *Watch {
	if opts.Interval == 0 {
		opts.Interval = DefaultInterval
	}
	if opts.Polls == 0 {
		opts.Polls = DefaultPolls
	}
	return &Watch{opts: opts, wake: make(chan struct{}, 1), ready: make(chan struct{}), changed: make(chan struct{})}
}

// Run polls while the watch is armed, until ctx ends; it returns nil then.
func (w *Watch) Run(ctx context.Context) error {
	s := &session{path: w.opts.Socket, backend: w.opts.Backend, most: w.opts.Polls}
	defer s.close()
	ticker := time.NewTicker(w.opts.Interval)
	defer ticker.Stop()
	var last time.Time // when the former question was asked
	for {
		if !w.isArmed() {
			s.close()
			ticker.Stop()
			select {
			case <-ctx.Done():
				return nil
			case <-w.wake:
			}
			ticker.Reset(w.opts.Interval)
			continue
		}
		asked := time.Now()
		states, err := s.poll(ctx)
		at := time.Now()
		pause := ticker.C
		if w.note(states, err, span{last, asked, at}); err != nil {
			pause = time.After(retryInterval)
		} else {
			last = asked
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause:
		}
	}
}

// Arm starts polling and returns when the first answer is in: from then on every change is seen. Changes of before are
// forgotten. [Watch.Run] must be running.
func (w *Watch) Arm(ctx context.Context) error {
	w.mu.Lock()
	w.armed, w.armedAt, w.states, w.changes = true, time.Now(), nil, nil
	w.polls, w.errors, w.lastErr = 0, 0, nil
	w.ready = make(chan struct{})
	ready := w.ready
	w.mu.Unlock()
	w.notify()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Errorf("haproxy watch: no answer on %s: %w", w.opts.Socket, errors.Join(ctx.Err(), w.lastErr))
	}
}

// Disarm stops polling. What was seen stays.
func (w *Watch) Disarm() {
	w.mu.Lock()
	w.armed = false
	w.mu.Unlock()
	w.notify()
}

// Changes returns what was seen since the watch was armed, oldest first.
func (w *Watch) Changes() []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

// Polls returns how many polls there were since the watch was armed, and how many of them failed.
func (w *Watch) Polls() (polls, failed int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.polls, w.errors
}

// Await returns the first change since the watch was armed that match accepts, as soon as there is one.
func (w *Watch) Await(ctx context.Context, match func(Change) bool) (Change, error) {
	for {
		w.mu.Lock()
		i := slices.IndexFunc(w.changes, match)
		if i >= 0 {
			defer w.mu.Unlock()
			return w.changes[i], nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Change{}, fmt.Errorf("haproxy watch: %w", ctx.Err())
		}
	}
}

func (w *Watch) isArmed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.armed
}

func (w *Watch) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // one wake-up is pending already
	}
}

// span is when a poll took place: when the poll before it was asked, when it was, and when its answer was complete.
type span struct{ last, asked, at time.Time }

// note takes one poll's outcome. Servers that come to be or cease to be are no changes of state, and what was asked before
// the watch was armed does not count.
func (w *Watch) note(states map[Server]State, err error, poll span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if poll.asked.Before(w.armedAt) {
		return
	}
	w.polls++
	defer w.grant(outcome{states, err}, poll.asked)
	if err != nil {
		w.errors++
		w.lastErr = err
		return
	}
	first := w.states == nil
	changed := false
	for server, to := range states {
		if from, known := w.states[server]; known && from != to {
			w.changes = append(w.changes, Change{Server: server, From: from, To: to, After: poll.last, At: poll.at})
			changed = true
		}
	}
	w.states = states
	if extra := len(w.changes) - maxChanges; extra > 0 {
		w.changes = slices.Delete(w.changes, 0, extra)
	}
	if changed {
		close(w.changed)
		w.changed = make(chan struct{})
	}
	if first {
		close(w.ready)
	}
}
