// SPDX-License-Identifier: Apache-2.0

package cluster

// Verdict is the answer to "is all well?".
type Verdict string

// The verdicts, best first.
const (
	WellVerdict     Verdict = "well"      // everything is as it should be
	DegradedVerdict Verdict = "degraded"  // it works; something needs a look
	NoQuorumVerdict Verdict = "no-quorum" // nothing is changed until a majority is back
	WaitingVerdict  Verdict = "waiting"   // the node belongs to no cluster yet
)

// View is what one node sees of the cluster: the answer to "status".
type View struct {
	At        int64          `json:"at"` // unix milliseconds at the node that answers
	Node      NodeID         `json:"node"`
	Version   string         `json:"version"`
	Cluster   string         `json:"cluster"`
	ClusterID string         `json:"cluster_id,omitempty"`
	Verdict   Verdict        `json:"verdict"`
	Problems  []string       `json:"problems,omitempty"` // one sentence each, worst first
	Leader    NodeID         `json:"leader,omitempty"`
	Term      uint64         `json:"term"`
	Index     uint64         `json:"index"` // raft index applied here
	Epoch     uint64         `json:"epoch"`
	Revision  uint64         `json:"revision"` // of the cluster file
	Quorum    QuorumView     `json:"quorum"`
	Timing    string         `json:"timing"`
	Rails     []RailView     `json:"rails"`
	Nodes     []NodeView     `json:"nodes"`
	Balancers []BalancerView `json:"balancers"`
	Pools     []PoolView     `json:"pools"`
	Resources []ResourceView `json:"resources,omitempty"`
}

// QuorumView tells how many voters stand behind this node.
type QuorumView struct {
	Have   int    `json:"have"` // voters that acknowledged us lately, ourselves included
	Need   int    `json:"need"`
	Voters int    `json:"voters"`
	Holds  bool   `json:"holds"`
	Reason string `json:"reason,omitempty"`
}

// RailView is one rail as this node sees it.
type RailView struct {
	Name   string `json:"name"`
	Listen string `json:"listen"`
	Up     bool   `json:"up"`
	Error  string `json:"error,omitempty"`
	Since  int64  `json:"since,omitempty"`
	Peers  int    `json:"peers"` // nodes heard on it lately
}

// NodeView is one node.
type NodeView struct {
	Name      NodeID `json:"name"`
	Life      string `json:"life"` // alive, suspect, down, left, unknown
	Reason    string `json:"reason,omitempty"`
	Since     int64  `json:"since,omitempty"`
	Mode      Mode   `json:"mode"`
	ModeBy    string `json:"mode_by,omitempty"`
	Votes     bool   `json:"votes"` // by the cluster file
	Log       string `json:"log"`   // in the replicated log: voter, learner, or none
	Witness   bool   `json:"witness,omitempty"`
	Leads     bool   `json:"leads,omitempty"`
	Address   string `json:"address,omitempty"`
	Epoch     uint64 `json:"epoch,omitempty"`
	Boot      uint64 `json:"boot,omitempty"`
	SilenceMs int64  `json:"silence_ms"` // since its last heartbeat; -1 = never heard
	Revision  uint64 `json:"revision"`   // of the cluster file that it runs
	Lags      bool   `json:"lags,omitempty"`
	Version   string `json:"version,omitempty"`
	RailsUp   int    `json:"rails_up"`
	Rails     int    `json:"rails"`
	// Class is what stops the node when its right has run out and nothing of it runs any more: gate, timed-set or address.
	// ClassReason tells why it is no better one, on the node that answers.
	Class       string `json:"class,omitempty"`
	ClassReason string `json:"class_reason,omitempty"`
}

// BalancerView is one balancer on one node.
type BalancerView struct {
	Name   string `json:"name"`
	Node   NodeID `json:"node"`
	InStep bool   `json:"in_step"`
	Since  int64  `json:"since,omitempty"`
	Reason string `json:"reason,omitempty"` // why it is not in step, or what holds it
	Drift  uint64 `json:"drift"`            // changes by others that were undone
	Epoch  string `json:"epoch,omitempty"`  // names the balancer's process
}

// PoolView is one pool.
type PoolView struct {
	Name    string       `json:"name"`
	Backend string       `json:"backend"`
	Floor   int          `json:"floor"`
	Serving int          `json:"serving"`
	Members []MemberView `json:"members"`
}

// MemberView is one member with the reason for its state.
type MemberView struct {
	Name      string       `json:"name"`
	Node      NodeID       `json:"node,omitempty"`
	Address   string       `json:"address"`
	Port      int          `json:"port"`
	Service   Service      `json:"service"`
	Reason    string       `json:"reason"`
	Since     int64        `json:"since,omitempty"`
	Condition Condition    `json:"condition"`
	Admin     Admin        `json:"admin"`
	Servers   []ServerView `json:"servers,omitempty"`
}

// ServerView is one member on one balancer.
type ServerView struct {
	Balancer string `json:"balancer"`
	Node     NodeID `json:"node"`
	Admin    string `json:"admin"` // HAProxy's word: ready, drain, maint
	Phase    string `json:"phase"` // what Evenkeel is doing with it
	Reason   string `json:"reason,omitempty"`
	Weight   int    `json:"weight"`
	Sessions int64  `json:"sessions"`
}

// Notice is one line of the event stream: a committed event, or something that
// one node noticed by itself (then Index is 0 and Node says who).
type Notice struct {
	Event
	Node NodeID `json:"node,omitempty"`
}
