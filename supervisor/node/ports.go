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
)

// Bus carries messages between nodes. It may lose, repeat and delay them.
type Bus interface {
	// Run carries until ctx ends; handle must not block.
	Run(ctx context.Context, handle func(env bus.Envelope, rail int)) error
	// Send sends to one node, or to all when to is empty, and returns the
	// sequence number of the message. It never blocks.
	Send(to string, kind bus.Kind, payload []byte) uint64
	// SetIdentity changes the cluster id and life that outgoing messages carry.
	SetIdentity(cluster string, boot uint64)
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
	Watch(members []cluster.Member)
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

// Times are the times of a node. They come from the timing profile.
type Times struct {
	Profile        string
	Beat           time.Duration // interval of heartbeats
	Missed         int           // beats missed before a node is suspect
	Pulse          time.Duration // how often the loop looks at its clock, and raft's clock ticks; a whole number per beat
	Slack          time.Duration // by how much a beat may wait for the leader's; also the least time between two beats with news
	SuspectAfter   time.Duration // silence after which a node does not count as heard
	VoteTTL        time.Duration // a vote that is not repeated runs out
	FreshWithin    time.Duration // how lately a majority must have been heard to act on a suspicion
	QuorumAge      time.Duration // greatest age of the quorum-acked heartbeat that still gives authority
	StartGrace     time.Duration // after our start, for how long a node never heard is not suspected
	ElectionPulses int           // pulses without a leader before an election
}

// Config is what a node needs to run.
type Config struct {
	Name      cluster.NodeID
	Cluster   string // the cluster's name
	Version   string
	Times     Times
	Bootstrap *cluster.Spec // the cluster file to found a cluster with, if there is none
}
