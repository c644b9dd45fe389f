// SPDX-License-Identifier: Apache-2.0

package load

import (
	"maps"
	"slices"
	"sort"
	"sync"
	"time"
)

// maxSamples bounds the requests that are remembered, 24 bytes each; the oldest are forgotten first.
const maxSamples = 1 << 19

// sample is one request. Times are relative to the start of the run.
type sample struct {
	due    time.Duration
	took   time.Duration // from due to the end; negative while pending
	late   uint32        // from due to sending, in microseconds; it saturates
	server uint16        // index into names; 0 is none
	kind   Kind
}

// records keeps the samples and totals of a run.
type records struct {
	targets []string
	start   time.Time

	mu       sync.Mutex
	samples  []sample // a ring when full; request seq is at seq % maxSamples
	next     int64    // the next request's number
	names    []string // of servers, after the empty one
	byName   map[string]uint16
	longest  time.Duration // that any request took
	counters Counters
}

// Counters are the totals of a run.
type Counters struct {
	// Sent counts all requests that were due, Pending those of them that have not ended.
	Sent, Pending int64
	// OK counts good answers, Slow those of them that took longer than [SlowAfter]. Failed is all the rest.
	OK, Slow, Failed int64
	// Reconnects counts requests that were sent again, as their idle connection had been closed by the server.
	Reconnects int64
	// Kinds counts failures by kind, Servers good answers by answering server.
	Kinds   map[Kind]int64
	Servers map[string]int64
}

// begin sets the start, once.
func (r *records) begin(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.start.IsZero() {
		return false
	}
	r.start = now
	r.names, r.byName = []string{""}, map[string]uint16{"": 0}
	r.counters.Kinds, r.counters.Servers = map[Kind]int64{}, map[string]int64{}
	return true
}

// sent notes a request that is due and returns its number, and whether it may be sent.
func (r *records) sent(due time.Time) (int64, bool) {
	late := min(time.Since(due)/time.Microsecond, 1<<32-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	seq := r.next
	r.next++
	s := sample{due: due.Sub(r.start), took: -1, late: uint32(late)}
	if r.counters.Sent++; r.counters.Pending == maxPending {
		s.took, s.kind = 0, KindOverload
		r.counters.Failed++
		r.counters.Kinds[KindOverload]++
	} else {
		r.counters.Pending++
	}
	if len(r.samples) < maxSamples {
		r.samples = append(r.samples, s)
	} else {
		r.samples[seq%maxSamples] = s
	}
	return seq, s.kind != KindOverload
}

// ended notes how a request ended.
func (r *records) ended(seq int64, a answer, kind Kind) {
	end := time.Since(r.start)
	r.mu.Lock()
	defer r.mu.Unlock()
	// Requests in flight are far fewer than the ring holds, so this one's place is still its own.
	s := &r.samples[seq%maxSamples]
	s.took, s.kind, s.server = end-s.due, kind, r.nameIndex(a.server)
	r.longest = max(r.longest, s.took)
	c := &r.counters
	c.Pending--
	if a.reconnected {
		c.Reconnects++
	}
	if kind != KindOK {
		c.Failed++
		c.Kinds[kind]++
		return
	}
	c.OK++
	c.Servers[a.server]++
	if s.took > SlowAfter {
		c.Slow++
	}
}

// nameIndex needs r.mu. Names beyond what an index can hold, none of which a lab has, count as no name.
func (r *records) nameIndex(name string) uint16 {
	i, known := r.byName[name]
	if !known && len(r.names) < 1<<16 {
		i = uint16(len(r.names))
		r.names = append(r.names, name)
		r.byName[name] = i
	}
	return i
}

func (r *records) totals() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counters
	c.Kinds, c.Servers = maps.Clone(c.Kinds), maps.Clone(c.Servers)
	return c
}

// view is a copy of the samples of an interval, so that whoever counts them does not hold up the run.
type view struct {
	first   int64 // the number of the first sample
	samples []sample
	names   []string
	start   time.Time
	// forgotten is the number of requests of the run that are no longer remembered.
	forgotten int64
}

// between copies the samples of requests that were due before to, and after from or so shortly before it that they may
// have ended later.
func (r *records) between(from, to time.Time) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := r.next - int64(len(r.samples))
	// Requests are numbered in the order in which they were due.
	dueBefore := func(limit time.Duration) int64 {
		return oldest + int64(sort.Search(len(r.samples), func(i int) bool {
			return r.samples[(oldest+int64(i))%maxSamples].due >= limit
		}))
	}
	first, end := dueBefore(from.Sub(r.start)-r.longest), dueBefore(to.Sub(r.start))
	v := view{first: first, names: slices.Clone(r.names), start: r.start, forgotten: oldest}
	for seq := first; seq < end; seq++ {
		v.samples = append(v.samples, r.samples[seq%maxSamples])
	}
	return v
}
