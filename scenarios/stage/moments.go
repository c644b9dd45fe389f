// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// failedApart is how far two failed requests may be apart and still be told together.
const failedApart = 500 * time.Millisecond

// Moments returns what has happened so far, in order: what the nodes tell, what the HAProxies showed, what the client met with,
// and what the stage did. What was before the script is left out.
func (s *Stage) Moments(ctx context.Context) ([]script.Moment, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	out := s.diary.all()
	out = append(out, s.told()...)
	for _, m := range s.fleet.Balancers() {
		out = append(out, s.shown(m.Name, s.watches[m.Name].Changes())...)
	}
	if s.load != nil {
		out = append(out, s.failed(s.load.Timeline(s.start, time.Now()))...)
	}
	slices.SortStableFunc(out, func(a, b script.Moment) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// at returns when an event was. It is told in milliseconds, so one that was in the script's first may seem to be before it.
func (s *Stage) at(n cluster.Notice) time.Duration { return time.UnixMilli(n.At).Sub(s.start.Round(0)) }

// before tells whether an event was before the script.
func (s *Stage) before(n cluster.Notice) bool { return s.at(n) < -time.Millisecond }

// told returns what the nodes tell. Of the nodes that follow a leader, the first one counts. A node that was condemned, or has
// left, is so until it is admitted, whatever it or others notice meanwhile.
func (s *Stage) told() []script.Moment {
	var out []script.Moment
	leader, states := "", map[string]script.State{}
	notices := s.journal.all()
	slices.SortStableFunc(notices, func(a, b cluster.Notice) int { return cmp.Compare(a.At, b.At) })
	for _, n := range notices {
		if n.Kind == kindLeader && s.isNode(n.Subject) {
			again := n.Subject == leader
			if leader = n.Subject; again {
				continue
			}
		}
		m := s.moment(n)
		if was := states[m.Lane]; n.Index == 0 && (was == script.StateDown || was == script.StateLeft) {
			m.State = ""
		}
		if m.State != "" {
			states[m.Lane] = m.State
		}
		if !s.before(n) {
			out = append(out, m)
		}
	}
	return out
}

func (s *Stage) isNode(name string) bool { return slices.Contains(s.opts.Cluster.Nodes(), name) }

// shown returns what one HAProxy showed of its servers. A weight that rises is no moment.
func (s *Stage) shown(machine string, changes []haproxy.Change) []script.Moment {
	var out []script.Moment
	for _, c := range changes {
		if c.From.String() == c.To.String() {
			continue
		}
		out = append(out, script.Moment{
			At: c.At.Sub(s.start), Lane: lane(machine), Kind: kindServer, Subject: c.Server.String(), State: stateOf(c.To),
			What: fmt.Sprintf("%s: %s → %s", c.Server, c.From, c.To), Bad: c.Left(), Good: c.Entered(),
		})
	}
	return out
}

// failed returns groups of failed requests.
func (s *Stage) failed(line []load.Bucket) []script.Moment {
	var out []script.Moment
	count, first, last := 0, time.Time{}, time.Time{}
	end := func() {
		if count == 0 {
			return
		}
		what := "a request failed"
		if count > 1 {
			what = fmt.Sprintf("%d requests failed within %s", count, last.Add(load.BucketWidth).Sub(first))
		}
		out = append(out, script.Moment{At: first.Sub(s.start), Lane: script.LaneClient, Kind: script.KindFailed, What: what, Bad: true})
		count = 0
	}
	for _, b := range line {
		if b.Failed == 0 {
			continue
		}
		if count > 0 && b.At.Sub(last) > failedApart {
			end()
		}
		if count == 0 {
			first = b.At
		}
		count, last = count+b.Failed, b.At
	}
	end()
	return out
}

// member returns the machine of a member that is named as pool/name, or nothing.
func member(subject string) string {
	name, ok := strings.CutPrefix(subject, script.Pool+"/")
	if !ok {
		return ""
	}
	return name
}
