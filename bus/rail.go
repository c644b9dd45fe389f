// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"maps"
	"slices"
	"time"
)

// RailStatus is what a carrier knows of one rail, for display and for the heartbeat.
type RailStatus struct {
	// Name is the rail's name in the configuration.
	Name string
	// Listen is the host and port that this node's end of the rail listens on.
	Listen string
	// Up says that this node's end works. It says nothing about any peer; Peers does.
	Up bool
	// Err is why the rail is down; empty while it is up.
	Err string
	// Since is when Up last changed.
	Since time.Time
	// Peers is when each node was last heard on this rail, by local receipt.
	Peers map[string]time.Time
	// Routes is the number of connections to other nodes' ends.
	Routes int
	// Refused counts frames that did not open: another key, altered, or another version.
	Refused uint64
	// Dropped counts frames that a full queue or a rail that is down cost, in both directions.
	Dropped uint64
	// Twins counts frames of a second node that uses our name.
	Twins uint64
}

// Heard counts the nodes that were heard on the rail within that time before now.
func (r RailStatus) Heard(now time.Time, within time.Duration) int {
	heard := 0
	for _, at := range slices.SortedFunc(maps.Values(r.Peers), time.Time.Compare) {
		if now.Sub(at) <= within {
			heard++
		}
	}
	return heard
}
