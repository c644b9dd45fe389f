// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// Input is anything that a core is told.
//
//sumtype:decl
type Input interface{ input() }

// Heard is a message of another node. The payload of the envelope is not looked at: the body is what it said.
type Heard struct {
	Envelope bus.Envelope
	Body     bus.Body
	At       time.Time // when it came
}

// Stored tells that what Output.Disk asked to append is durable. The answers of the disk come in the order of the orders.
type Stored struct{ Append *consensus.Append }

// Born tells that a new life is durable.
type Born struct {
	Boot   uint64
	Reason string
}

// Joined tells that the node belongs to a cluster for good, and what its log holds.
type Joined struct {
	Cluster string
	Log     consensus.Restored
}

// Probed is a change of what our prober says about a member.
type Probed struct {
	Member cluster.MemberID
	Change health.Change
}

// Balanced is how one of our balancers stands.
type Balanced struct{ Report converge.Report }

// Railed is how our rails stand, in the order of the node file. It is told at the start and when anything changed.
type Railed struct{ Rails []Rail }

// Rail is this node's end of a network that carries the bus.
type Rail struct {
	Name   string
	Listen string
	Up     bool
	Err    string // why it is down
	Since  time.Time
	Peers  int // nodes heard on it lately
}

// Submit is what an operator asks for. Every Submit is answered once, with the id of its command.
type Submit struct {
	Command cluster.Command
	Until   time.Time // when the answer is given up
}

// Guarded is what the guard of this node says: the process that holds what the node is given to hold.
type Guarded struct {
	Class lease.Class
	Why   string // the class is no better one
	Order uint64 // the newest Output.Order that it knows of
	Units []Unit // sorted by resource
	Lacks []Lack // sorted by link
}

// Lack is a link of this node that cannot carry an address.
type Lack struct{ Link, Why string }

// Unit is what the guard has of a resource.
type Unit struct {
	Resource string
	Epoch    uint64
	State    string // bus.ResourceHeld, ResourceTaking, ResourceTrouble or ResourceGone
	Reason   string
	Idle     bool // nobody uses it
}

// Leave tells that the node is to stop: it says so, hands leadership over, and has left when Core.Left says so.
type Leave struct{}

func (Heard) input()    {}
func (Stored) input()   {}
func (Born) input()     {}
func (Joined) input()   {}
func (Probed) input()   {}
func (Balanced) input() {}
func (Railed) input()   {}
func (Submit) input()   {}
func (Leave) input()    {}
func (Guarded) input()  {}
