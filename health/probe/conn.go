// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"sync"
	"time"
)

// Bounds of the time between the end of a watched connection and the next one.
const (
	minReopen = 50 * time.Millisecond
	maxReopen = 5 * time.Second
)

// reopenShare bounds what reopening costs: the wait doubles unless the connection lived this many times longer than
// it, and is halved if it did. So a server that closes idle connections each second is left alone for a tenth of the
// time, and one that closes them at once is asked every five seconds.
const reopenShare = 10

// held is an open connection whose end is awaited.
type held struct {
	ended  <-chan struct{} // closed when either side ended the connection
	drop   func()          // ends it
	served bool            // a request was answered over it; a bare one said nothing yet
}

// connWatcher keeps an idle connection to the application open. Its end is a hint, and so is it when the next one is
// refused. Servers close idle connections for many reasons, so neither says more than "look".
//
// There are two sorts. A served connection comes from a probe of an HTTP check, and gives way to that of the next one.
// A server that stops gracefully closes it at once, where it may wait for the first request of a bare one: Go's
// http.Server does so until the connection is 5 s old. But a server may be quicker to close what was served than what
// is bare, which costs probes; hence the end of one sort leads to the other.
type connWatcher struct {
	target  string
	timeout time.Duration // to open a connection
	hints   chan<- hint
	up      <-chan struct{} // the check came up: worth a try at once
	served  <-chan *held    // what probes leave
	quiet   <-chan bool     // whether to keep no connection; nothing is done until the first word
}

// run keeps a connection unless it is told to be quiet. That a connection is dropped to be quiet is no hint.
func (w *connWatcher) run(ctx context.Context) {
	for quiet := true; ctx.Err() == nil; {
		var keeping sync.WaitGroup
		loud, hush := context.WithCancel(ctx)
		if !quiet {
			keeping.Go(func() { w.keep(loud) })
		}
		quiet = w.change(ctx, quiet)
		hush()
		keeping.Wait()
	}
}

// change waits until it is told something new, or ctx ends, and returns it. While it is quiet, nobody else takes what
// probes leave.
func (w *connWatcher) change(ctx context.Context, quiet bool) bool {
	var unwanted <-chan *held
	if quiet {
		unwanted = w.served
	}
	for {
		select {
		case <-ctx.Done():
			return quiet
		case told := <-w.quiet:
			if told != quiet {
				return told
			}
		case h := <-unwanted:
			h.drop()
		}
	}
}

// keep has a connection open until ctx ends, as far as the application lets it.
func (w *connWatcher) keep(ctx context.Context) {
	wait, lived, bare := minReopen, false, false
	for {
		began := time.Now()
		last, err := w.watch(ctx, bare)
		if ctx.Err() != nil {
			return
		}
		opened := err == nil
		switch {
		case opened:
			offer(w.hints, hint{reason: "an open connection to " + w.target + " was closed"})
			lived, bare = true, last.served
		case failed(err).refused:
			if lived {
				offer(w.hints, hint{reason: "connections to " + w.target + " are refused where one was open before"})
			}
			lived, bare = false, false
		default: // A dying application resets what it did not accept yet, or does not answer: it is not over yet.
		}
		if opened && time.Since(began) >= reopenShare*wait {
			wait = max(minReopen, wait/2)
		} else {
			wait = min(maxReopen, wait*2)
		}
		if wait = w.rest(ctx, wait); ctx.Err() != nil {
			return
		}
	}
}

// rest waits, but not if the check comes up meanwhile. It returns how long to wait the next time.
func (w *connWatcher) rest(ctx context.Context, wait time.Duration) time.Duration {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.up:
		return minReopen
	}

	return wait
}

// watch has a connection open until it ends, and returns it: a bare one to stay with if that is asked for, or else
// always the latest that a probe left. The next one is there before the last one is dropped, so that no death goes
// unseen in between. The error says that none could be opened.
func (w *connWatcher) watch(ctx context.Context, bare bool) (*held, error) {
	h, err := w.open(ctx, bare)
	if err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			h.drop()

			return h, nil
		case <-h.ended:
			h.drop()

			return h, nil
		case next := <-w.served:
			if bare {
				next.drop()

				continue
			}
			h.drop()
			h = next
		}
	}
}

// open takes what the latest probe left, or opens a bare connection.
func (w *connWatcher) open(ctx context.Context, bare bool) (*held, error) {
	select {
	case h := <-w.served:
		if !bare {
			return h, nil
		}
		h.drop()
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	conn, err := dial(ctx, w.target)
	if err != nil {
		return nil, err
	}

	return holdBare(conn), nil
}

// holdBare awaits the end of a connection over which nothing is sent. What the other side says is read and dropped.
func holdBare(conn line) *held {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var buf [512]byte
		for {
			if _, err := conn.Read(buf[:]); err != nil {
				return
			}
		}
	}()

	return &held{ended: ended, drop: func() {
		conn.hangUp()
		<-ended
	}}
}

// tell replaces what waits in a channel for one value. Only one goroutine at a time may tell.
func tell[T any](to chan T, value T) (replaced T) {
	select {
	case replaced = <-to:
	default:
	}
	to <- value

	return replaced
}
