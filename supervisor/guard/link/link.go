// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

const (
	// SilentMax is how long a guard may say nothing. It reports twice a second, ahead of all that is not real-time.
	SilentMax = 3 * guard.ReportEvery
	// retryMin and retryMax bound the wait between two attempts to reach a guard.
	retryMin, retryMax = 10 * time.Millisecond, time.Second
	// replacedWait is the wait of a supervisor that was sent away for a newer one: most likely it is the one too many.
	replacedWait = 5 * time.Second
)

// errReplaced says that the guard listens to another supervisor.
var errReplaced = errors.New("the guard was taken over by another supervisor")

// Options are what a link is made of.
type Options struct {
	// Socket is the path of the guard's socket.
	Socket string
	// Command is the program that is a guard, and its arguments.
	Command []string
	// Output is where the guard writes its log, by default where the supervisor writes its errors. It should outlive the
	// supervisor; the guard bears that it does not.
	Output *os.File
	// Report hears how the guard stands, at each change and twice a second. It is called by one goroutine, and must not wait.
	Report func(Report)
	Log    zerolog.Logger
}

// Report is how the guard stands.
type Report struct {
	// Connected tells whether the guard can be told anything. What follows is from when it last was.
	Connected bool
	// Guard is who the guard is, the zero value before the first one was met.
	Guard wire.Hello
	// Status is what the guard said last. One that does not answer the number of the newest want speaks of earlier ones.
	Status guard.Status
	// Err tells why the guard cannot be told anything.
	Err error
}

// Link is the supervisor's end. Run does the work, and is called once; Want may be called by anybody.
type Link struct {
	Options
	changed chan struct{} // holds one
	last    Report        // of Run
	child   child         // of Run

	mu   sync.Mutex
	want dialogue.Wanted
}

// New returns a link that wants nothing to be said yet.
func New(o Options) *Link { return &Link{Options: o, changed: make(chan struct{}, 1)} }

// Want says what the guard is to be told, in place of what was wanted before.
func (l *Link) Want(w dialogue.Wanted) {
	l.mu.Lock()
	l.want = w
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default: // it is told already that there is news
	}
}

func (l *Link) wanted() dialogue.Wanted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.want
}

// Run keeps the connection until the context has ended, and begins a guard whenever there is none.
func (l *Link) Run(ctx context.Context) error {
	defer l.child.reap()
	retry := retryMin
	for {
		met, err := l.attempt(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if met {
			retry = retryMin
		}
		wait := retry
		if errors.Is(err, errReplaced) {
			wait = replacedWait
		}
		l.last.Connected, l.last.Err = false, err
		l.Report(l.last)
		l.Log.Warn().Err(err).Dur("again", wait).Msg("the guard cannot be told anything")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		retry = min(2*retry, retryMax)
	}
}

// attempt connects to a guard, to one that it begins if need be, and serves the connection until it ends. It tells whether a
// guard was met.
func (l *Link) attempt(ctx context.Context) (met bool, err error) {
	conn, err := l.reach(ctx)
	if err != nil {
		return false, err
	}
	s := &session{link: l, conn: wire.Supervisor(conn), heard: make(chan heard)}
	err = s.serve(ctx)
	if reason := s.unfit(err); reason != "" && ctx.Err() == nil {
		l.Log.Error().Int("pid", s.pid).Msg("the guard is killed, and another one begun: " + reason)
		return s.met, fmt.Errorf("%s: %w", reason, s.kill())
	}
	return s.met, err
}
