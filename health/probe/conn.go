// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
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

// connWatcher keeps an idle connection to the application open. Its end is a hint, and so is it when the next one is
// refused. Servers close idle connections for many reasons, so neither says more than "look".
type connWatcher struct {
	target  string
	timeout time.Duration // to open a connection
	hints   chan<- hint
	up      <-chan struct{} // the check came up: worth a try at once
}

func (w *connWatcher) run(ctx context.Context) {
	wait, lived := minReopen, false
	for {
		began := time.Now()
		opened, refused := w.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case opened:
			offer(w.hints, hint{reason: "an open connection to " + w.target + " was closed"})
		case refused && lived:
			offer(w.hints, hint{reason: "connections to " + w.target + " are refused where one was open before"})
		}
		lived = opened
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

// watch opens a connection and waits until it ends. Whatever the other side says is read and dropped.
func (w *connWatcher) watch(ctx context.Context) (opened, refused bool) {
	dialCtx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	conn, err := dial(dialCtx, w.target)
	if err != nil {
		return false, failed(err).refused
	}
	stop := context.AfterFunc(ctx, conn.hangUp)
	defer func() {
		if stop() {
			conn.hangUp()
		}
	}()
	var buf [512]byte
	for err == nil {
		_, err = conn.Read(buf[:])
	}

	return true, false
}
