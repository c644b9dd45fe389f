// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// wish is somebody's who waits for the answer to a question that is asked after a moment.
type wish struct {
	since time.Time
	got   chan outcome
}

// outcome is what one poll brought for whoever waits for it.
type outcome struct {
	states map[Server]State
	err    error
}

// Look returns what the first poll shows that is asked from now on: no change that it shows is missing in [Watch.Changes].
// The watch must be armed.
func (w *Watch) Look(ctx context.Context) (map[Server]State, error) {
	got := make(chan outcome, 1) // so that the poll does not wait for us
	w.mu.Lock()
	w.wishes = append(w.wishes, wish{time.Now(), got})
	w.mu.Unlock()
	select {
	case a := <-got:
		return a.states, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("haproxy watch: no answer on %s: %w", w.opts.Socket, ctx.Err())
	}
}

// grant needs w.mu. It is the last thing that a poll does, so that whoever gets its answer also finds its changes.
func (w *Watch) grant(a outcome, asked time.Time) {
	w.wishes = slices.DeleteFunc(w.wishes, func(i wish) bool {
		if asked.Before(i.since) {
			return false
		}
		i.got <- outcome{maps.Clone(a.states), a.err}
		return true
	})
}
