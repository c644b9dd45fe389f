// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// streamRetry is the wait before an event stream that ended is asked for again, such as that of a node that starts.
const streamRetry = 50 * time.Millisecond

// sighting is one event, at the time when it arrived here: some tenths of a millisecond after it was told.
type sighting struct {
	at   time.Time
	from string // the node whose stream it came on
	cluster.Notice
}

// journal joins the event streams of all nodes. Its memory is bounded by what a demo of many runs tells: some 100 events per
// act, of which the oldest are dropped.
type journal struct {
	mu      sync.Mutex
	seen    []sighting
	dropped int           // sightings that are no longer in seen
	changed chan struct{} // closed by the next sighting
	indexes map[string]uint64
}

// journalMost is how many sightings are kept.
const journalMost = 4096

func newJournal() *journal {
	return &journal{changed: make(chan struct{}), indexes: map[string]uint64{}}
}

// follow reads the stream of one node until ctx ends.
func (j *journal) follow(ctx context.Context, m *fleet.Machine) {
	for ctx.Err() == nil {
		// Whatever ends the stream, the answer is the same: ask again, from where it ended.
		_ = m.API.Events(ctx, api.EventsQuery{Since: j.last(m.Name), Follow: true}, func(n cluster.Notice) error {
			j.add(sighting{at: time.Now(), from: m.Name, Notice: n})
			return nil
		})
		select {
		case <-ctx.Done():
		case <-time.After(streamRetry):
		}
	}
}

func (j *journal) last(node string) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.indexes[node]
}

func (j *journal) add(s sighting) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.indexes[s.from] = max(j.indexes[s.from], s.Index)
	j.seen = append(j.seen, s)
	if extra := len(j.seen) - journalMost; extra > 0 {
		j.seen = slices.Delete(j.seen, 0, extra)
		j.dropped += extra
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// mark returns the place of the next sighting.
func (j *journal) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped + len(j.seen)
}

// after returns the sightings from a mark on, the mark after them, and a channel that the next one closes.
func (j *journal) after(mark int) ([]sighting, int, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := min(max(0, mark-j.dropped), len(j.seen))
	return slices.Clone(j.seen[from:]), j.dropped + len(j.seen), j.changed
}

// first returns the first sighting after a mark that match accepts, as soon as there is one.
func (j *journal) first(ctx context.Context, mark int, match func(sighting) bool) (sighting, error) {
	for {
		seen, next, changed := j.after(mark)
		if i := slices.IndexFunc(seen, match); i >= 0 {
			return seen[i], nil
		}
		mark = next
		select {
		case <-changed:
		case <-ctx.Done():
			return sighting{}, ctx.Err()
		}
	}
}
