// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/looks"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Look tells whether a condition holds, and what is seen. Who does not run makes no condition hold.
func (s *Stage) Look(ctx context.Context, c script.Cond) (holds bool, seen string, err error) {
	if err := s.ready(ctx); err != nil {
		return false, "", err
	}
	s.sample()
	return looks.Look(ctx, sight{s}, c)
}

// sight is the stage, as conditions are looked at.
type sight struct{ *Stage }

var _ looks.World = sight{}

// Cluster is the cluster that the script asked for.
func (s sight) Cluster() script.Cluster { return s.cluster }

// Runs tells whether the Evenkeel of a node runs.
func (s sight) Runs(node string) bool {
	m := s.w.machine(node)
	return m != nil && m.acts()
}

// Voices asks one node, or every one that runs.
func (s sight) Voices(_ context.Context, node string) ([]looks.Voice, error) {
	if node != "" {
		m, err := s.node(node)
		if err != nil {
			return nil, err
		}
		return []looks.Voice{m.voice()}, nil
	}
	var out []looks.Voice
	for _, m := range s.w.nodes {
		if m.acts() {
			out = append(out, m.voice())
		}
	}
	return out, nil
}

// voice is what a node says.
func (m *machine) voice() looks.Voice {
	v := looks.Voice{Node: string(m.name)}
	if !m.acts() {
		v.Err = fmt.Errorf("%s: %w", m.name, errNoSupervisor)
		return v
	}
	why := m.core.Authority()
	v.Quorum = cluster.QuorumView{Holds: why == "", Reason: why}
	v.View = func() cluster.View { return m.core.View(m.now()) }
	return v
}

// Proxies asks the HAProxy of one machine, or every one that runs.
func (s sight) Proxies(_ context.Context, machine string) ([]looks.Proxy, error) {
	if machine != "" {
		if _, err := s.proxy(machine); err != nil {
			return nil, err
		}
	}
	var out []looks.Proxy
	for _, show := range s.shows {
		p := looks.Proxy{Machine: string(show.p.on.name), Server: show.p.shows}
		switch {
		case machine != "" && machine != p.Machine, machine == "" && !show.p.answers():
			continue
		case !show.p.answers():
			p.Err = fmt.Errorf("%s: %w", machine, errNoProxy)
		}
		out = append(out, p)
	}
	return out, nil
}

// Journal is what the nodes told.
func (s sight) Journal() []moments.Entry { return s.journal.told }

// Changed returns a change that a balancer showed since the last fault or order began.
func (s sight) Changed() (machine string, change moments.Change, changed bool) {
	for _, show := range s.shows {
		if show.news != nil {
			return string(show.p.on.name), *show.news, true
		}
	}
	return "", moments.Change{}, false
}

// Lost returns how many requests have failed since the script began.
func (s sight) Lost() (requests int64, asks bool) {
	if s.client == nil {
		return 0, false
	}
	return int64(s.client.failed), true
}

// lately is what counts as lately for requests, where they do not come less often.
const lately = 200 * time.Millisecond

// Answered tells whether all requests that ended lately were answered, and there were some.
func (s sight) Answered() (seen string, answered, asks bool) {
	c := s.client
	if c == nil {
		return "", false, false
	}
	since := s.w.now - max(lately, 3*c.every)
	if at, lost := c.lastly[false]; lost && at >= since {
		return fmt.Sprintf("one failed %s ago", s.w.now-at), false, true
	}
	if at, ok := c.lastly[true]; ok && at >= since {
		return fmt.Sprintf("the newest one was, %s ago", s.w.now-at), true, true
	}
	return "none ended lately", false, true
}

// Holds tells whether a machine answers for a resource.
func (s sight) Holds(_ context.Context, resource, machine string) (bool, error) {
	m, err := s.node(machine)
	if err != nil {
		return false, err
	}
	return m.guard.serves(resource), nil
}

// Twice tells whether two machines answer for a resource now. One that stood still with its clock knows nothing of the time that
// passed, and answers until its deadline is over; only fencing helps against that.
func (s sight) Twice(resource string) (seen string, twice bool, err error) {
	var all []string
	for _, m := range s.w.nodes {
		if until := m.guard.answers(resource); m.guard != nil && until > m.guard.thaw {
			all = append(all, string(m.name))
		}
	}
	return resource + " is answered for by " + cmp.Or(strings.Join(all, " and "), "nobody"), len(all) > 1, nil
}
