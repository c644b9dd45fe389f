// SPDX-License-Identifier: Apache-2.0

package cluster

// ResourceState is how a resource stands.
type ResourceState string

// The states of a resource.
const (
	ResourceHeld     ResourceState = "held"     // its holder has it
	ResourceTaking   ResourceState = "taking"   // its holder is bringing it up
	ResourceTrouble  ResourceState = "trouble"  // its holder cannot bring it up
	ResourceLeaving  ResourceState = "leaving"  // its holder is letting it go
	ResourceLost     ResourceState = "lost"     // its holder is lost, and it is waited until that is proven to have let go
	ResourceUnheard  ResourceState = "unheard"  // its holder is not heard; what it said last is old news
	ResourceNobody   ResourceState = "nobody"   // nobody can hold it
	ResourceDisabled ResourceState = "disabled" // an operator wants nobody to hold it
)

// ResourceView is one resource with the reason for its place.
type ResourceView struct {
	Name      string        `json:"name"`
	State     ResourceState `json:"state"`
	Holder    NodeID        `json:"holder,omitempty"`
	To        NodeID        `json:"to,omitempty"`   // who gets it when the holder has let go
	Next      NodeID        `json:"next,omitempty"` // who would get it if its holder did not have it; empty = nobody can hold it
	Addresses []string      `json:"addresses"`
	Interface string        `json:"interface"`
	Epoch     uint64        `json:"epoch"`
	Given     int64         `json:"given,omitempty"`    // unix milliseconds: when the holder got it
	Since     int64         `json:"since,omitempty"`    // unix milliseconds, of the last decision about it
	Disabled  bool          `json:"disabled,omitempty"` // an operator wants nobody to hold it
	Decided   string        `json:"decided"`            // why that was made
	By        string        `json:"by,omitempty"`       // who asked for it
	Reason    string        `json:"reason,omitempty"`   // why its state is not held
	Idle      bool          `json:"idle,omitempty"`     // nobody uses it, as far as its holder looks
	Requires  Proof         `json:"requires"`
	Failback  string        `json:"failback"`
	Balancer  string        `json:"balancer,omitempty"`
	Pool      string        `json:"pool,omitempty"`
	Takeover  string        `json:"takeover,omitempty"` // longest time from a holder's last word to the end of its right
	// Candidates are the nodes that the cluster file lets hold it, the preferred ones first.
	Candidates []CandidateView `json:"candidates"`
}

// CandidateView is a node that may hold a resource.
type CandidateView struct {
	Node      NodeID `json:"node"`
	Preferred bool   `json:"preferred,omitempty"`
	Banned    bool   `json:"banned,omitempty"`
	Holds     int    `json:"holds"`           // resources that it holds
	Unfit     string `json:"unfit,omitempty"` // why it cannot hold it now; empty = it can
}
