// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestQueueGivesUpTheOldest(t *testing.T) {
	q := newQueue()
	var dropped uint64
	for i := range queueFrames + 10 {
		dropped += q.push(outgoing{frame: binary.BigEndian.AppendUint32(nil, uint32(i))})
	}
	items := q.take(nil)
	if dropped != 10 || len(items) != queueFrames || binary.BigEndian.Uint32(items[0].frame) != 10 {
		t.Errorf("dropped %d, kept %d from %v", dropped, len(items), items[0].frame)
	}
}

func TestQueueBoundsBytes(t *testing.T) {
	q := newQueue()
	var dropped uint64
	for range 20 {
		dropped += q.push(outgoing{frame: make([]byte, 1<<20)})
	}
	if items := q.take(nil); len(items) != queueBytes>>20 || dropped != 20-uint64(len(items)) {
		t.Errorf("dropped %d, kept %d", dropped, len(items))
	}
}

func TestClosedQueue(t *testing.T) {
	q := newQueue()
	done := make(chan []outgoing)
	go func() { done <- q.take(nil) }()
	q.close()
	if items := <-done; items != nil {
		t.Errorf("got %v", items)
	}
	if q.push(outgoing{frame: []byte{1}}) != 1 || q.take(nil) != nil {
		t.Error("a closed queue took a frame")
	}
}

func TestLimiter(t *testing.T) {
	var l limiter
	now := time.Unix(1, 0)
	for i, step := range []struct {
		at   time.Time
		more uint64
		ok   bool
	}{{now, 0, true}, {now, 0, false}, {now.Add(limiterEvery / 2), 0, false}, {now.Add(limiterEvery), 2, true}, {now.Add(limiterEvery), 0, false}} {
		if more, ok := l.allow(step.at); more != step.more || ok != step.ok {
			t.Errorf("step %d: got %d, %v", i, more, ok)
		}
	}
}
