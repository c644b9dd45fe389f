// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"slices"
	"sync"
	"time"
)

// sortWithin is how long a line waits for another one that belongs before it: the stop-watch sees a change some milliseconds
// before the node that made it has told of it.
const sortWithin = 150 * time.Millisecond

// lines are moments that wait to be told in the order in which they happened.
type lines struct {
	story *narrator

	mu      sync.Mutex
	waiting []line
}

type line struct {
	at time.Time
	moment
}

func (l *lines) add(at time.Time, m moment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, line{at, m})
}

// tell writes what happened up to a time.
func (l *lines) tell(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.waiting, func(a, b line) int { return a.at.Compare(b.at) })
	for len(l.waiting) > 0 && !l.waiting[0].at.After(until) {
		l.story.happened(l.waiting[0].moment)
		l.waiting = l.waiting[1:]
	}
}
