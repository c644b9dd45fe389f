// SPDX-License-Identifier: Apache-2.0

package sim

import "time"

// event is something that is going to happen. Who it happens to, and in which life, decides whether it still matters then.
type event struct {
	at   time.Duration
	seq  uint64 // orders the events of one moment
	life uint32 // of the process it is meant for; 0 = whatever runs there
	what kind
	to   *machine
	data any
}

type kind uint8

const (
	evDeliver kind = iota + 1 // data: *parcel
	evWake                    // the core is due
	evDisk                    // the oldest order of the disk is done
	evProbe                   // data: *check
	evLook                    // the keeper looks at its balancer
	evStart                   // the supervisor starts
	evResume                  // a pause or freeze is over
	evRails                   // the rails are looked at
	evDo                      // data: func()
)

// queue is a heap of events, the next one first.
type queue []event

func (q queue) less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}

func (q *queue) push(e event) {
	*q = append(*q, e)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *queue) pop() event {
	h := *q
	top, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			break
		}
		if next+1 < last && h.less(next+1, next) {
			next++
		}
		if !h.less(next, i) {
			break
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
	return top
}
