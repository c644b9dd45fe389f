// SPDX-License-Identifier: Apache-2.0

package natsbus

import "sync"

// Bounds of a queue of frames to send on one rail. Beats and raft frames are a few hundred a second at most, so the bound in frames is about a second's worth.
const (
	queueFrames = 256
	queueBytes  = 8 << 20 // bytes; eight frames of the largest size
)

// outgoing is a sealed frame on its way to a subject.
type outgoing struct {
	subject string
	frame   []byte
}

// queue holds what waits to be sent; when full it gives up the oldest frames, because a late heartbeat is worse than none.
type queue struct {
	mu     sync.Mutex
	items  []outgoing
	bytes  int
	closed bool
	wake   chan struct{} // capacity 1; full means that the reader knows already
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push adds frames and returns how many were given up for them.
func (q *queue) push(frames ...outgoing) (dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return uint64(len(frames))
	}
	for _, o := range frames {
		q.items, q.bytes = append(q.items, o), q.bytes+len(o.frame)
	}
	for len(q.items) > queueFrames || q.bytes > queueBytes {
		q.bytes -= len(q.items[0].frame)
		q.items[0] = outgoing{}
		q.items = q.items[1:]
		dropped++
	}
	q.signal()
	return dropped
}

// take waits for frames and returns all of them; none means that the queue is closed. The reader gives the slice of the former call back for reuse.
func (q *queue) take(spare []outgoing) []outgoing {
	clear(spare)
	for {
		q.mu.Lock()
		items, closed := q.items, q.closed
		if len(items) > 0 && !closed {
			q.items, q.bytes = spare[:0], 0
			q.mu.Unlock()
			return items
		}
		q.mu.Unlock()
		if closed {
			return nil
		}
		<-q.wake
	}
}

// close ends take; what still waits is given up.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.items, q.bytes = true, nil, 0
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
