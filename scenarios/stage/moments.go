// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// Moments returns what has happened so far, in order: what the nodes tell, what the HAProxies showed, what the client met with,
// and what the stage did. What was before the script is left out.
func (s *Stage) Moments(ctx context.Context) ([]script.Moment, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	out := slices.Concat(s.diary.all(), moments.Told(s.opts.Cluster, s.entries()))
	for _, m := range s.fleet.Balancers() {
		out = append(out, moments.Shown(m.Name, s.changes(m.Name))...)
	}
	if s.load != nil {
		out = append(out, moments.Failed(s.failures(s.load.Timeline(s.start, time.Now())), load.BucketWidth)...)
	}
	slices.SortStableFunc(out, func(a, b script.Moment) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// entries returns what the nodes tell, in the order of its times. They are told in milliseconds, so what was in the script's
// first one may seem to be before it.
func (s *Stage) entries() []moments.Entry {
	var out []moments.Entry
	for _, n := range s.journal.all() {
		at := time.UnixMilli(n.At).Sub(s.start.Round(0))
		if at >= -time.Millisecond {
			at = max(0, at)
		}
		out = append(out, moments.Entry{At: at, Notice: n})
	}
	slices.SortStableFunc(out, func(a, b moments.Entry) int { return cmp.Compare(a.At, b.At) })
	return out
}

// failures returns when requests failed.
func (s *Stage) failures(line []load.Bucket) []moments.Failure {
	var out []moments.Failure
	for _, b := range line {
		if b.Failed > 0 {
			out = append(out, moments.Failure{At: b.At.Sub(s.start), Count: b.Failed})
		}
	}
	return out
}
