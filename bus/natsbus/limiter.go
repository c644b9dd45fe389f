// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"sync"
	"time"
)

// limiterEvery is the least time between two log lines about the same trouble.
const limiterEvery = time.Minute

// limiter lets one line through per limiterEvery and counts the rest. The zero value is ready.
type limiter struct {
	mu   sync.Mutex
	next time.Time
	more uint64
}

// allow reports whether to log now, and how many lines were held back since the last one.
func (l *limiter) allow(now time.Time) (more uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next) {
		l.more++
		return 0, false
	}
	more, l.more, l.next = l.more, 0, now.Add(limiterEvery)
	return more, true
}
