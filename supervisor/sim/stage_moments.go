// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

const (
	// kindServer is the kind of what an HAProxy showed: as the product tells it, too.
	kindServer = "balancer.server"
	// failedApart is how far two failed requests may be apart and still be told together.
	failedApart = 500 * time.Millisecond
)

// proxyLane returns the lane of the HAProxy of a machine.
func proxyLane(machine string) string { return machine + "/haproxy" }

// tell keeps a moment that the stage itself made.
func (s *Stage) tell(m script.Moment) { s.diary = remember(s.diary, m) }

// tellFault notes a fault that began at a time.
func (s *Stage) tellFault(at time.Duration, f script.Fault) {
	mends := slices.Contains([]script.FaultKind{
		script.Start, script.StartAll, script.Heal, script.StartApp, script.StartProxy, script.MendDisk,
	}, f.Kind)
	s.tell(script.Moment{At: at, Lane: script.LaneFault, Kind: script.KindFault, What: f.String(), Bad: !mends, Good: mends})
}

// tellResumed notes the end of a pause.
func (s *Stage) tellResumed(who string) {
	s.w.say("FAULT", who+" goes on")
	s.tell(script.Moment{At: s.Now(), Lane: script.LaneFault, Kind: script.KindFault, What: who + " goes on", Good: true})
}

// tellOrder notes what was asked of a node, and how it was answered.
func (s *Stage) tellOrder(at time.Duration, asked *machine, o script.Order, err error) {
	o.At, o.Refused = string(asked.name), false
	m := script.Moment{At: at, Lane: script.LaneOperator, Kind: script.KindOrder, What: o.String()}
	if err != nil {
		m.Reason = err.Error()
	}
	s.tell(m)
}

// Moments returns what has happened so far, in order: what the nodes tell, what the HAProxies showed, what the client met with,
// and what the stage did. What was before the script is left out.
func (s *Stage) Moments(ctx context.Context) ([]script.Moment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := slices.Clone(s.diary)
	if !s.begun {
		return out, nil
	}
	s.sample()
	out = append(out, s.told()...)
	for _, show := range s.shows {
		out = append(out, s.shown(show)...)
	}
	out = append(out, s.lost()...)
	slices.SortStableFunc(out, func(a, b script.Moment) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// told returns what the nodes tell. Of the nodes that follow a leader, the first one counts. A node that was condemned, or has
// left, is so until it is admitted, whatever it or others notice meanwhile.
func (s *Stage) told() []script.Moment {
	var out []script.Moment
	leader, states := "", map[string]script.State{}
	for _, e := range s.journal {
		n := e.notice
		if n.Kind == kindLeader && s.isNode(n.Subject) {
			again := n.Subject == leader
			if leader = n.Subject; again {
				continue
			}
		}
		m := s.moment(e)
		if was := states[m.Lane]; n.Index == 0 && (was == script.StateDown || was == script.StateLeft) {
			m.State = ""
		}
		if m.State != "" {
			states[m.Lane] = m.State
		}
		if e.at >= s.start {
			out = append(out, m)
		}
	}
	return out
}

// shown returns what one HAProxy showed of its servers. A weight that rises is no moment.
func (s *Stage) shown(show *showing) []script.Moment {
	var out []script.Moment
	for _, c := range show.changes {
		from, to := serverState(c.from), serverState(c.to)
		if from == to {
			continue
		}
		out = append(out, script.Moment{
			At: c.at - s.start, Lane: proxyLane(string(show.p.on.name)), Kind: kindServer, Subject: c.key.String(),
			State: memberState(c.to), What: fmt.Sprintf("%s: %s → %s", c.key, from, to),
			Bad: inRotation(c.from) && !inRotation(c.to), Good: !inRotation(c.from) && inRotation(c.to),
		})
	}
	return out
}

// lost returns groups of failed requests.
func (s *Stage) lost() []script.Moment {
	if s.client == nil {
		return nil
	}
	var out []script.Moment
	count, first, last := 0, time.Duration(0), time.Duration(0)
	end := func() {
		if count == 0 {
			return
		}
		what := "a request failed"
		if count > 1 {
			what = fmt.Sprintf("%d requests failed within %s", count, (last - first + stageGrain).Round(stageGrain))
		}
		out = append(out, script.Moment{At: first - s.start, Lane: script.LaneClient, Kind: script.KindFailed, What: what, Bad: true})
		count = 0
	}
	for _, f := range s.client.failing {
		if count > 0 && f.at-last > failedApart {
			end()
		}
		if count == 0 {
			first = f.at
		}
		count, last = count+f.count, f.at
	}
	end()
	return out
}
