// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"sync"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	noticesKept   = 1024 // notices that a new reader can still get
	readerBacklog = 512  // notices that may wait for one reader; a slower one is cut off
)

// hub hands notices to readers. A reader that does not keep up is cut off: the
// loop never waits for anybody.
type hub struct {
	mu      sync.Mutex
	kept    []cluster.Notice
	newest  uint64 // highest index of a committed event that was told
	readers map[chan cluster.Notice]struct{}
}

func newHub() *hub { return &hub{readers: map[chan cluster.Notice]struct{}{}} }

// committed tells the events that were not told yet, in order.
func (h *hub) committed(events []cluster.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	newest := h.newest
	for _, e := range events {
		if e.Index > h.newest {
			h.tell(cluster.Notice{Event: e})
			newest = max(newest, e.Index)
		}
	}
	h.newest = newest
}

// local tells something that this node noticed by itself.
func (h *hub) local(n cluster.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell(n)
}

func (h *hub) tell(n cluster.Notice) {
	h.kept = append(h.kept, n)
	if len(h.kept) > 2*noticesKept {
		h.kept = slices.Clone(h.kept[len(h.kept)-noticesKept:])
	}
	for r := range h.readers {
		select {
		case r <- n:
		default:
			delete(h.readers, r)
			close(r)
		}
	}
}

// read returns the kept notices after the given index, and those to come until
// ctx ends or the reader falls behind.
func (h *hub) read(ctx context.Context, since uint64) ([]cluster.Notice, <-chan cluster.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	live := make(chan cluster.Notice, readerBacklog)
	h.readers[live] = struct{}{}
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if _, ok := h.readers[live]; ok {
			delete(h.readers, live)
			close(live)
		}
	})
	return after(h.kept, since), live
}

// after cuts off what the reader has: everything up to the last notice with an
// index of at most since.
func after(kept []cluster.Notice, since uint64) []cluster.Notice {
	from := 0
	for i, n := range kept {
		if since > 0 && n.Index > 0 && n.Index <= since {
			from = i + 1
		}
	}
	return slices.Clone(kept[from:])
}
