// SPDX-License-Identifier: Apache-2.0

package bus

// Limits of a heartbeat.
const (
	// MaxReason bounds a reason or an error text in bytes; a longer one is cut when it is encoded.
	MaxReason = 512
	// MaxSeen bounds Heartbeat.Seen.
	MaxSeen = 64
	// MaxMembers bounds Heartbeat.Members.
	MaxMembers = 4096
	// MaxBalancers bounds Heartbeat.Balancers.
	MaxBalancers = 64
	// MaxServers bounds BalancerHealth.Servers.
	MaxServers = 1024
	// MaxRails bounds Heartbeat.Rails.
	MaxRails = 16
	// MaxResources bounds Heartbeat.Resources.
	MaxResources = 256
	// MaxLapsed bounds Heartbeat.Lapsed.
	MaxLapsed = 64
	// MaxElements bounds the elements of all lists of one payload together; it bounds the memory that decoding takes.
	MaxElements = 8192
)

// The states of a member, as its own node sees it.
const (
	StateUp      = "up"
	StateDown    = "down"
	StateUnknown = "unknown"
)

// The administrative states of a balancer's server, in HAProxy's words.
const (
	AdminReady = "ready"
	AdminDrain = "drain"
	AdminMaint = "maint"
)

// Heartbeat is what every node says of itself at each beat. Its keys are short because it is sent many times a second on every rail.
type Heartbeat struct {
	// Epoch is the epoch of the life that the sender believes admitted; 0 = none.
	Epoch uint64 `json:"e,omitempty"`
	// Revision is the revision of the cluster file that the sender runs.
	Revision uint64 `json:"r,omitempty"`
	// Applied is the raft index that the sender has applied.
	Applied uint64 `json:"a,omitempty"`
	// Leader is the node that the sender believes leads, or empty.
	Leader string `json:"l,omitempty"`
	// Leaving says that the sender is about to stop on purpose.
	Leaving bool `json:"lv,omitempty"`
	// SentUnixMs is the sender's wall clock in milliseconds since 1970, for display only: no rule may compare clocks of two nodes.
	SentUnixMs int64 `json:"t,omitempty"`
	// Version is the sender's program version.
	Version string `json:"v,omitempty"`
	// Seen holds, for every node, the highest sequence number that the sender has seen from it. This vector is the acknowledgement that authority rests on.
	Seen []Seen `json:"s,omitempty"`
	// Members is the health of the members that live on the sender.
	Members []MemberHealth `json:"m,omitempty"`
	// Balancers is the state of the balancers that the sender keeps in step.
	Balancers []BalancerHealth `json:"b,omitempty"`
	// Rails is the state of the sender's rails.
	Rails []RailHealth `json:"rl,omitempty"`
	// Class is what stops the sender from acting on what it held when its right has run out; empty = nobody told yet. Others add
	// the time that the class takes before they take over.
	Class string `json:"cl,omitempty"`
	// Lapsed names the lives of which the sender says, as a voter, that nothing of them can act any more.
	Lapsed []Lapse `json:"la,omitempty"`
	// Resources is the state of the resources that the sender was given.
	Resources []ResourceHealth `json:"re,omitempty"`
}

// Lapse is a voter's word that the rights of a life have run out.
type Lapse struct {
	Node string `json:"n"`
	// Life is the epoch of the life.
	Life uint64 `json:"l,omitempty"`
}

// The states of a resource on the node that it was given to.
const (
	ResourceHeld    = "held"    // it is there
	ResourceTaking  = "taking"  // it is being taken
	ResourceTrouble = "trouble" // it cannot be taken
	ResourceGone    = "gone"    // nothing of it is there
)

// ResourceHealth is one resource as the node that it was given to sees it.
type ResourceHealth struct {
	Name string `json:"n"`
	// Epoch is the epoch in which the node was given it.
	Epoch uint64 `json:"e,omitempty"`
	// State is ResourceHeld, ResourceTaking, ResourceTrouble or ResourceGone; any other word is read as ResourceTrouble.
	State string `json:"s,omitempty"`
	// Reason says why, at most MaxReason bytes.
	Reason string `json:"r,omitempty"`
	// Idle says that nobody uses it.
	Idle bool `json:"i,omitempty"`
}

// Seen acknowledges one node's frames up to a sequence number of one life.
type Seen struct {
	Node string `json:"n"`
	// Install and Boot name the life; another installation of the node counts its boots from the beginning.
	Install uint64 `json:"i,omitempty"`
	Boot    uint64 `json:"b,omitempty"`
	Seq     uint64 `json:"s,omitempty"`
}

// MemberHealth is one member as its own node sees it.
type MemberHealth struct {
	Pool   string `json:"p"`
	Member string `json:"m"`
	// State is StateUp, StateDown or StateUnknown; any other word is read as StateUnknown.
	State string `json:"s,omitempty"`
	// Reason says why, at most MaxReason bytes.
	Reason string `json:"r,omitempty"`
	// SinceUnixMs is when the state began, by the sender's wall clock, for display.
	SinceUnixMs int64 `json:"t,omitempty"`
	// N counts the changes of the state.
	N uint64 `json:"n,omitempty"`
}

// BalancerHealth is one balancer as the node that keeps it in step sees it.
type BalancerHealth struct {
	Name string `json:"n"`
	// InStep says that the balancer shows what the cluster wants.
	InStep bool `json:"i,omitempty"`
	// SinceUnixMs is since when InStep is as it is, by the sender's wall clock, for display.
	SinceUnixMs int64 `json:"t,omitempty"`
	// Lost says that the balancer could not be read or set.
	Lost bool `json:"lo,omitempty"`
	// Error is why the balancer is not in step, or what holds it, at most MaxReason bytes.
	Error string `json:"e,omitempty"`
	// Drift counts changes that somebody else made and the node put right.
	Drift uint64 `json:"d,omitempty"`
	// Pending is the number of changes still to make.
	Pending int `json:"p,omitempty"`
	// Epoch identifies the life of the balancer process; at most MaxName bytes.
	Epoch   string         `json:"ep,omitempty"`
	Servers []ServerHealth `json:"s,omitempty"`
}

// ServerHealth is one server line of a balancer.
type ServerHealth struct {
	Backend string `json:"b"`
	Server  string `json:"s"`
	// Admin is AdminReady, AdminDrain or AdminMaint.
	Admin string `json:"a,omitempty"`
	// Op is the operational state in the balancer's own word.
	Op string `json:"o,omitempty"`
	// Weight is the balancer's weight of the server.
	Weight int `json:"w,omitempty"`
	// Sessions is the number of open sessions.
	Sessions int64 `json:"c,omitempty"`
	// Phase is where the server stands in a drain, in one word.
	Phase string `json:"p,omitempty"`
	// Reason says why, at most MaxReason bytes.
	Reason string `json:"r,omitempty"`
}

// RailHealth is one rail as its node sees it.
type RailHealth struct {
	Name string `json:"n"`
	Up   bool   `json:"u,omitempty"`
	// Peers is the number of nodes heard lately on the rail.
	Peers int `json:"p,omitempty"`
}
