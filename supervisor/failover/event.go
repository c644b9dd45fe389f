// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Event is something that happened.
//
//sumtype:decl
type Event interface{ event() }

// Tick tells that time has passed, and which nodes were heard within
// Params.FreshWithin.
type Tick struct{ Heard []cluster.NodeID }

// Verdict is our own detector's opinion about a node.
type Verdict struct{ health.Verdict }

// VoteCast is a vote that arrived.
type VoteCast struct {
	Voter   cluster.NodeID
	Install uint64 // of the voter
	Boot    uint64 // of the voter
	Vote    Vote
}

// Report is what a heartbeat said, our own heartbeats included.
type Report struct {
	Node    cluster.NodeID
	Install uint64
	Boot    uint64
	Seq     uint64
	Leaving bool
	Members []MemberReport
	Rights  Rights
}

// MemberReport is one node's opinion about a member.
type MemberReport struct {
	ID        cluster.MemberID
	Condition cluster.Condition
	Reason    string
}

// Committed is the newest state of the log.
type Committed struct{ State cluster.State }

// LeaderChanged tells whether this node leads.
type LeaderChanged struct{ Leads bool }

func (Tick) event()          {}
func (Verdict) event()       {}
func (VoteCast) event()      {}
func (Report) event()        {}
func (Committed) event()     {}
func (LeaderChanged) event() {}

// Vote is one node's word about the life of another.
type Vote struct {
	Target  cluster.NodeID
	Install uint64 // of the target
	Boot    uint64 // of the target
	Epoch   uint64 // of the target's life
	Down    bool   // false takes an earlier vote back
	Seq     uint64 // the voter's newest heartbeat when it voted
}

// Action is something to be done.
//
//sumtype:decl
type Action interface{ action() }

// CastVote asks to send our vote to everybody.
type CastVote struct{ Vote Vote }

// Propose asks to put a command into the log.
type Propose struct{ Body cluster.Body }

// Explain asks to tell people what was noticed, and why nothing was done.
type Explain struct {
	Kind    string // such as node.suspect
	Subject string
	Reason  string
}

// NewLife asks the node to begin a new life: its present one was condemned.
type NewLife struct{ Reason string }

func (CastVote) action() {}
func (Propose) action()  {}
func (Explain) action()  {}
func (NewLife) action()  {}

// The kinds of local events that Explain carries.
const (
	KindSuspect  = "node.suspect"
	KindHeard    = "node.heard"
	KindHeld     = "node.suspicion-held"
	KindStranger = "node.stranger"
	KindTwin     = "node.twin"
)
