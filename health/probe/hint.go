// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"time"
)

// maxHints is how many hints may wait for the loop of a check. One more is dropped: those that wait lead to the same
// probe.
const maxHints = 8

// hint says that something happened to the application. The zero hint says nothing.
type hint struct {
	reason string
	gone   bool // the process or unit has ended, so that any failure now is proof
}

// none tells whether this is no hint at all.
func (h hint) none() bool { return h.reason == "" }

// proves tells whether an outcome after this hint is proof that the application is down.
func (h hint) proves(o outcome) bool {
	return !h.none() && (o.refused || h.gone)
}

// merge makes one hint of two. The stronger one keeps its words.
func (h hint) merge(other hint) hint {
	if h.none() || other.gone && !h.gone {
		return other
	}

	return h
}

// watcher waits for one kind of event until ctx ends, and offers hints.
type watcher interface {
	run(ctx context.Context)
}

// offer hands a hint to the loop of a check, and drops it if too many wait.
func offer(to chan<- hint, h hint) {
	select {
	case to <- h:
	default:
	}
}

// pause waits. It returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
