// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// Bus carries messages between nodes. It may lose, repeat and delay them.
type Bus interface {
	// Run carries until ctx ends; handle must not block.
	Run(ctx context.Context, handle func(env bus.Envelope, rail int)) error
	// Send sends frames, in their order. It never blocks.
	Send(frames ...bus.Outgoing)
	// Rails tells how the rails are.
	Rails() []bus.RailStatus
}

// Store keeps the replica's log on disk. After a failed write it is broken for good.
type Store interface {
	Install() uint64
	NextBoot() (uint64, error)
	Cluster() string
	SetCluster(id string) error
	Load() (consensus.Restored, error)
	Append(a *consensus.Append) error
}

// Prober probes members.
type Prober interface {
	// Run probes until ctx ends and reports every change of a member's condition.
	Run(ctx context.Context, report func(cluster.MemberID, health.Change)) error
	// Watch replaces the members that are probed. It does not block.
	Watch(members []core.Probe)
}

// Balancers keeps this node's balancers in step.
type Balancers interface {
	// Run works until ctx ends and reports how each balancer stands.
	Run(ctx context.Context, report func(converge.Report)) error
	// Do replaces what the balancers should be. It does not block.
	Do(duties []converge.Duty)
	// Until replaces the moment from which on nothing may be changed, whatever
	// the duties say; the zero time is now. It moves on as long as the node has
	// authority, and holds for a process that slept through losing it. It does
	// not block.
	Until(t time.Time)
}

// Guard keeps the process that holds what one node holds at a time. That process outlives this one.
type Guard interface {
	// Run works until ctx ends and reports every change of how the guard stands.
	Run(ctx context.Context, report func(core.Guarded)) error
	// Sample comes right before each step: rights are counted from moments after it.
	Sample()
	// Hold replaces what is to be held, and until when. It does not block.
	Hold(h holdings.Hold)
}

// Recorder keeps what the core is given, so that it can be given to another one. It never blocks.
type Recorder interface {
	// Begin comes right before the core is made, and before each step.
	Begin()
	// Made tells how the core was made.
	Made(now time.Time, cfg core.Config, id core.Identity, held core.Held)
	// Stepped tells of a step that the core has just made. The slice of inputs and the output are the loop's again
	// when it returns; what they hold never changes.
	Stepped(c *core.Core, now time.Time, inputs []core.Input, out core.Output)
}

// unrecorded is the recorder of a node that has none.
type unrecorded struct{}

func (unrecorded) Begin()                                                   {}
func (unrecorded) Made(time.Time, core.Config, core.Identity, core.Held)    {}
func (unrecorded) Stepped(*core.Core, time.Time, []core.Input, core.Output) {}
