// SPDX-License-Identifier: Apache-2.0

package sim

import "time"

// Tally counts what happened in a world, or in many.
type Tally struct {
	Worlds    int           `json:"worlds"`
	Simulated time.Duration `json:"simulated"`
	Events    uint64        `json:"events"`
	Steps     uint64        `json:"steps"` // of cores
	Total     int           `json:"faults"`
	Faults    [kinds]int    `json:"by_kind"` // in the order of Kinds
	Requests  int           `json:"requests"`
	Accepted  int           `json:"accepted"`
	Condemned int           `json:"condemned"` // lives ended by a majority
	Admitted  int           `json:"admitted"`
	Leaders   int           `json:"leaders"`  // changes of leadership
	Commands  int           `json:"commands"` // to balancers
	Votes     int           `json:"votes"`
	// Condemning and Settling are the longest times from a node's last word to its condemnation, and from the end of the
	// faults until all was right.
	Condemning time.Duration `json:"condemning"`
	Settling   time.Duration `json:"settling"`
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.Worlds += o.Worlds
	t.Simulated += o.Simulated
	t.Events += o.Events
	t.Steps += o.Steps
	t.Total += o.Total
	for k := range o.Faults {
		t.Faults[k] += o.Faults[k]
	}
	t.Requests += o.Requests
	t.Accepted += o.Accepted
	t.Condemned += o.Condemned
	t.Admitted += o.Admitted
	t.Leaders += o.Leaders
	t.Commands += o.Commands
	t.Votes += o.Votes
	t.Condemning = max(t.Condemning, o.Condemning)
	t.Settling = max(t.Settling, o.Settling)
}
