// SPDX-License-Identifier: Apache-2.0

package converge

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Report tells what became of a duty: how one balancer of this node stands.
type Report struct {
	Name    string
	InStep  bool
	Since   time.Time // when InStep last changed
	Reason  string    // why it is not in step, or what holds it
	Lost    bool      // it could not be read or set
	Drift   uint64    // changes by others that were undone
	Pending int       // servers on their way to what they should be
	Epoch   string    // names the balancer's process; empty = never seen
	Servers []ServerReport
	Notices []cluster.Event // what happened since the last report
}

// ServerReport tells how one server of a balancer stands.
type ServerReport struct {
	Member   cluster.MemberID
	Backend  string
	Name     string
	Admin    string // HAProxy's word: ready, drain, maint
	Phase    string // what is being done with it; "ready" = plainly in service
	Reason   string
	Weight   int
	Sessions int64
}
