// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// BucketWidth is the resolution of a time line.
const BucketWidth = 10 * time.Millisecond

// Report is on the requests that were due within an interval, its end excluded.
type Report struct {
	From, To time.Time
	Tally
	// Targets has one tally for each target, in the order of the options.
	Targets []TargetReport
	// Servers has one entry for each server that gave a good answer, by name.
	Servers []ServerReport
	// GapFrom and GapTo enclose the longest time within the interval at which no good answer arrived. The interval's
	// own ends count, so a service that never comes back shows.
	GapFrom, GapTo time.Time
	// MaxLate is the longest time by which the client itself sent a request too late.
	MaxLate time.Duration
	// Forgotten is the number of requests of the run that are no longer remembered, and so are not counted here.
	Forgotten int64
}

// Gap is the longest time without a good answer.
func (r Report) Gap() time.Duration { return r.GapTo.Sub(r.GapFrom) }

// Tally counts requests.
type Tally struct {
	// Sent is OK, Failed and Pending together. Slow is the part of OK that took longer than [SlowAfter].
	Sent, OK, Failed, Pending, Slow int
	// Kinds counts failures by kind.
	Kinds map[Kind]int
	// P50, P99 and Max are latencies of good answers, from when the request was due; 0 if there is none.
	P50, P99, Max time.Duration

	latencies []time.Duration
}

// TargetReport is the tally of one target.
type TargetReport struct {
	URL string
	Tally
}

// ServerReport tells of one server's good answers.
type ServerReport struct {
	Name    string
	Answers int
	// First and Last are when its first and last answer arrived; LastAsked is when the latest request that it answered
	// was due.
	First, Last, LastAsked time.Time
}

// Bucket is a piece of the time line.
type Bucket struct {
	At time.Time
	// Answers counts good answers by server; Failed is the number of requests that failed.
	Answers map[string]int
	Failed  int
}

func (r *records) report(from, to time.Time) Report {
	v := r.between(from, to)
	rep := Report{From: from, To: to, Tally: newTally(), Forgotten: v.forgotten}
	for _, url := range r.targets {
		rep.Targets = append(rep.Targets, TargetReport{URL: url, Tally: newTally()})
	}
	servers := map[string]*ServerReport{}
	answers := []time.Time{}
	for i, s := range v.samples {
		due := v.start.Add(s.due)
		end := due.Add(s.took)
		if s.took >= 0 && s.kind == KindOK && end.After(from) && end.Before(to) {
			answers = append(answers, end)
		}
		if due.Before(from) {
			continue
		}
		rep.count(s)
		rep.Targets[(v.first+int64(i))%int64(len(rep.Targets))].count(s)
		rep.MaxLate = max(rep.MaxLate, time.Duration(s.late)*time.Microsecond)
		if s.took >= 0 && s.kind == KindOK {
			noteServer(servers, v.names[s.server], due, end)
		}
	}
	rep.finish()
	for i := range rep.Targets {
		rep.Targets[i].finish()
	}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		rep.Servers = append(rep.Servers, *servers[name])
	}
	rep.GapFrom, rep.GapTo = longestGap(from, to, answers)
	return rep
}

func newTally() Tally { return Tally{Kinds: map[Kind]int{}} }

func (t *Tally) count(s sample) {
	t.Sent++
	switch {
	case s.took < 0:
		t.Pending++
	case s.kind != KindOK:
		t.Failed++
		t.Kinds[s.kind]++
	default:
		t.OK++
		t.latencies = append(t.latencies, s.took)
		if s.took > SlowAfter {
			t.Slow++
		}
	}
}

func (t *Tally) finish() {
	slices.Sort(t.latencies)
	if n := len(t.latencies); n > 0 {
		t.P50, t.P99, t.Max = t.latencies[(n-1)/2], t.latencies[(n-1)*99/100], t.latencies[n-1]
	}
	t.latencies = nil
}

func noteServer(servers map[string]*ServerReport, name string, due, end time.Time) {
	s := servers[name]
	if s == nil {
		s = &ServerReport{Name: name, First: end, Last: end, LastAsked: due}
		servers[name] = s
	}
	s.Answers++
	if end.Before(s.First) {
		s.First = end
	}
	if end.After(s.Last) {
		s.Last = end
	}
	if due.After(s.LastAsked) {
		s.LastAsked = due
	}
}

// longestGap returns the longest stretch between two neighbours among from, the answers and to.
func longestGap(from, to time.Time, answers []time.Time) (start, end time.Time) {
	slices.SortFunc(answers, time.Time.Compare)
	start, end = from, from
	last := from
	for _, at := range append(answers, to) {
		if at.Sub(last) > end.Sub(start) {
			start, end = last, at
		}
		last = at
	}
	return start, end
}

func (r *records) timeline(from, to time.Time) []Bucket {
	v := r.between(from, to)
	buckets := map[int64]*Bucket{}
	for _, s := range v.samples {
		end := v.start.Add(s.due + s.took)
		if s.took < 0 || end.Before(from) || !end.Before(to) {
			continue
		}
		i := int64(end.Sub(from) / BucketWidth)
		b := buckets[i]
		if b == nil {
			b = &Bucket{At: from.Add(time.Duration(i) * BucketWidth), Answers: map[string]int{}}
			buckets[i] = b
		}
		if s.kind == KindOK {
			b.Answers[v.names[s.server]]++
		} else {
			b.Failed++
		}
	}
	line := make([]Bucket, 0, len(buckets))
	for _, b := range buckets {
		line = append(line, *b)
	}
	slices.SortFunc(line, func(a, b Bucket) int { return a.At.Compare(b.At) })
	return line
}

// Server returns the entry of a server; its Answers are 0 if it gave none.
func (r Report) Server(name string) ServerReport {
	i, found := slices.BinarySearchFunc(r.Servers, name, func(s ServerReport, name string) int { return cmp.Compare(s.Name, name) })
	if !found {
		return ServerReport{Name: name}
	}
	return r.Servers[i]
}

// String says the report in one line, as in "1500 sent: 1498 ok (0 slow), 2 failed (2 reset), longest gap 3ms".
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d sent: %d ok (%d slow), %d failed", r.Sent, r.OK, r.Slow, r.Failed)
	sep := " ("
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(&b, "%s%d %s", sep, r.Kinds[kind], kind)
		sep = ", "
	}
	if r.Failed > 0 {
		b.WriteString(")")
	}
	if r.Pending > 0 {
		fmt.Fprintf(&b, ", %d pending", r.Pending)
	}
	fmt.Fprintf(&b, ", p50 %s, p99 %s, max %s, longest gap %s", r.P50.Round(time.Microsecond), r.P99.Round(time.Microsecond),
		r.Max.Round(time.Microsecond), r.Gap().Round(100*time.Microsecond))
	return b.String()
}
