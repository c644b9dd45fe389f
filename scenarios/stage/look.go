// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/looks"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// Look tells whether a condition holds, and what is seen. It fails only for what cannot be asked; who does not answer makes
// no condition hold.
func (s *Stage) Look(ctx context.Context, c script.Cond) (holds bool, seen string, err error) {
	holds, seen, err = looks.Look(ctx, sight{s}, c)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return holds, seen, err
}

// sight is the stage, as conditions are looked at.
type sight struct{ *Stage }

var _ looks.World = sight{}

// Cluster is the cluster that the script asked for.
func (s sight) Cluster() script.Cluster { return s.opts.Cluster }

// Runs tells whether the Evenkeel of a node runs.
func (s sight) Runs(node string) bool {
	m := s.fleet.Machine(node)
	return m != nil && m.Supervisor != nil && s.runs(m.Supervisor)
}

// Journal is what the nodes told.
func (s sight) Journal() []moments.Entry { return s.entries() }

// Changed returns a change that an HAProxy showed since the last fault or order began. One of which the samples cannot tell
// whether it came before or after that counts.
func (s sight) Changed() (machine string, change moments.Change, changed bool) {
	since := s.diary.lastAct()
	for _, m := range s.fleet.Balancers() {
		for _, c := range s.changes(m.Name) {
			if c.At > since {
				return m.Name, c, true
			}
		}
	}
	return "", moments.Change{}, false
}

// Lost returns how many requests have failed since the script began.
func (s sight) Lost() (requests int64, asks bool) {
	if s.load == nil {
		return 0, false
	}
	return s.load.Counters().Failed - s.lostBefore, true
}

// lately is what counts as lately for requests, where they do not come less often.
const lately = 200 * time.Millisecond

// Answered tells whether all requests that were sent lately and have ended were answered, and there were some.
func (s sight) Answered() (seen string, answered, asks bool) {
	if s.load == nil {
		return "", false, false
	}
	now := time.Now()
	r := s.load.Window(now.Add(-max(lately, 3*time.Second/time.Duration(s.opts.Cluster.Clients))), now)
	return fmt.Sprintf("of %d requests %d were answered and %d failed", r.Sent, r.OK, r.Failed), r.OK > 0 && r.Failed == 0, true
}

// changes returns what the HAProxy of a machine showed.
func (s *Stage) changes(machine string) []moments.Change {
	var out []moments.Change
	for _, c := range s.watches[machine].Changes() {
		out = append(out, moments.Change{
			At: c.At.Sub(s.start), Server: c.Server.String(), From: server(c.From), To: server(c.To),
		})
	}
	return out
}

// server returns what the state of a server says.
func server(s haproxy.State) moments.Server {
	return moments.Server{Words: s.String(), Serves: s.InRotation()}
}
