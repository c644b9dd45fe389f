// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// Times are the times of a node. They come from the timing profile.
type Times struct {
	Profile        string
	Beat           time.Duration // interval of heartbeats
	Missed         int           // beats missed before a node is suspect
	Pulse          time.Duration // how often the node looks at its clock, and raft's clock ticks; a whole number per beat
	Slack          time.Duration // by how much a beat may wait for the leader's; also the least time between two beats with news
	SuspectAfter   time.Duration // silence after which a node does not count as heard
	VoteTTL        time.Duration // a vote that is not repeated runs out
	FreshWithin    time.Duration // how lately a majority must have been heard to act on a suspicion
	QuorumAge      time.Duration // greatest age of the quorum-acked heartbeat that still gives authority
	StartGrace     time.Duration // after our start, for how long a node never heard is not suspected
	Holiday        time.Duration // for how long whoever heard no majority casts no votes
	ElectionPulses int           // pulses without a leader before an election
	Terms          lease.Terms   // of exclusive rights
}

// Config is what a node is made with.
type Config struct {
	Name      cluster.NodeID
	Cluster   string // the cluster's name
	Version   string
	Times     Times
	Bootstrap *cluster.Spec // the cluster file to found a cluster with, if there is none
	FoundAs   string        // the id of that cluster: random, and never used before
	// SnapshotEntries and TailEntries are those of consensus.Config; 0 is its default.
	SnapshotEntries, TailEntries uint64
}

// Identity names the life in which the node starts.
type Identity struct{ Install, Boot uint64 }

// Held is what a node's disk holds when it starts.
type Held struct {
	Cluster string // the id of the cluster it belongs to, if any
	Log     consensus.Restored
}
