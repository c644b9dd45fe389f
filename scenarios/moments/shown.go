// SPDX-License-Identifier: Apache-2.0

package moments

import (
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// kindServer is the kind of what an HAProxy showed: as the product tells it, too.
const kindServer = "balancer.server"

// ProxyLane returns the lane of the HAProxy of a machine.
func ProxyLane(machine string) string { return machine + "/haproxy" }

// Server is what an HAProxy shows of a server.
type Server struct {
	Words  string // its state, as HAProxy says it: UP, DRAIN, MAINT
	Serves bool   // it gets new requests
}

// State tells what that means for the member: it serves when HAProxy sends it new requests, it is out when it is in maint, and
// drained when neither is so.
func (s Server) State() script.State {
	switch {
	case s.Serves:
		return script.StateServes
	case s.Words == "MAINT":
		return script.StateOut
	}
	return script.StateDrained
}

// Change is that an HAProxy showed another state of a server than before.
type Change struct {
	At       time.Duration // since the script began, of the sample that showed it
	Server   string        // named as backend/server
	From, To Server
}

// Shown returns the moments of what the HAProxy of a machine showed. A weight that rises is no moment.
func Shown(machine string, changes []Change) []script.Moment {
	var out []script.Moment
	for _, c := range changes {
		if c.From.Words == c.To.Words {
			continue
		}
		out = append(out, script.Moment{
			At: c.At, Lane: ProxyLane(machine), Kind: kindServer, Subject: c.Server, State: c.To.State(),
			What: fmt.Sprintf("%s: %s → %s", c.Server, c.From.Words, c.To.Words),
			Bad:  c.From.Serves && !c.To.Serves, Good: !c.From.Serves && c.To.Serves,
		})
	}
	return out
}

// failedApart is how far two failed requests may be apart and still be told together.
const failedApart = 500 * time.Millisecond

// Failure is how many requests failed at one time.
type Failure struct {
	At    time.Duration // since the script began
	Count int
}

// Failed returns the moments of failures, in groups; grain is how exactly their times are known.
func Failed(failures []Failure, grain time.Duration) []script.Moment {
	var out []script.Moment
	for len(failures) > 0 {
		n, count := 1, failures[0].Count
		for n < len(failures) && failures[n].At-failures[n-1].At <= failedApart {
			count += failures[n].Count
			n++
		}
		first, last := failures[0].At, failures[n-1].At
		failures = failures[n:]
		what := "a request failed"
		if count > 1 {
			what = fmt.Sprintf("%d requests failed within %s", count, (last - first + grain).Round(grain))
		}
		out = append(out, script.Moment{At: first, Lane: script.LaneClient, Kind: script.KindFailed, What: what, Bad: true})
	}
	return out
}
