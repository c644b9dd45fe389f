// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// streamRetry is the wait before an event stream that ended is asked for again, such as that of a node that starts.
	streamRetry = 100 * time.Millisecond
	// journalMost bounds the events that are kept; the oldest are dropped first.
	journalMost = 16384
)

// journal joins the event streams of all nodes.
type journal struct {
	mu   sync.Mutex
	seen []cluster.Notice
	know map[cluster.Notice]struct{} // what is in seen
}

func newJournal() *journal { return &journal{know: map[cluster.Notice]struct{}{}} }

// follow reads the stream of one node until ctx ends. Each time it asks for all that the node keeps: what a node notices
// right after its start, before it knows what was committed, is in no other answer.
func (j *journal) follow(ctx context.Context, m *fleet.Machine) {
	for ctx.Err() == nil {
		// Whatever ends the stream, the answer is the same: ask again.
		_ = m.API.Events(ctx, api.EventsQuery{Follow: true}, func(n cluster.Notice) error {
			j.add(n)
			return nil
		})
		select {
		case <-ctx.Done():
		case <-time.After(streamRetry):
		}
	}
}

// add keeps what is new: every node tells what was committed, and some of it again after each start.
func (j *journal) add(n cluster.Notice) {
	if n.Index > 0 {
		n.Node = ""
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.know[n]; known {
		return
	}
	j.know[n] = struct{}{}
	j.seen = append(j.seen, n)
	if extra := len(j.seen) - journalMost; extra > 0 {
		for _, old := range j.seen[:extra] {
			delete(j.know, old)
		}
		j.seen = slices.Delete(j.seen, 0, extra)
	}
}

// all returns the events in the order in which they arrived.
func (j *journal) all() []cluster.Notice {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.seen)
}
