// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"maps"
	"slices"
)

// Limits of the replicated state. They bound memory and the size of snapshots.
const (
	// EventsKept is how many events the state remembers.
	EventsKept = 256
	// CommandsKept is how many ids of commands are remembered, so that a
	// proposal that is sent twice is carried out once.
	CommandsKept = 512
	// MaxID is the longest id of a command, in bytes.
	MaxID = 64
	// MaxText is how much of a reason, or of the name of who asked, is kept, in bytes.
	MaxText = 512
)

// Life is the life of a node as the cluster sees it.
type Life string

// The lives of a node.
const (
	LifeUnknown Life = ""      // never admitted
	LifeAlive   Life = "alive" // admitted, in its present life
	LifeDown    Life = "down"  // condemned: a majority of voters could not hear it
	LifeLeft    Life = "left"  // stopped in good order
)

// String returns the word that people read.
func (l Life) String() string {
	if l == LifeUnknown {
		return "unknown"
	}
	return string(l)
}

// LifeNamed returns the life that String names so.
func LifeNamed(word string) Life {
	if word == LifeUnknown.String() {
		return LifeUnknown
	}
	return Life(word)
}

// Words says how a node with this life is, behind its name.
func (l Life) Words() string {
	switch l {
	case LifeUnknown:
		return "has not joined yet"
	case LifeLeft:
		return "has left"
	case LifeAlive, LifeDown:
	}
	return "is " + string(l)
}

// Mode is what the operator lets the cluster do on a node.
type Mode string

// The modes of a node.
const (
	ModeActive      Mode = "active"      // the usual
	ModeStandby     Mode = "standby"     // place nothing here, move what is here
	ModeMaintenance Mode = "maintenance" // touch nothing here
)

// Node is the committed state of one node.
type Node struct {
	Life    Life   `json:"life"`
	Install uint64 `json:"install"` // raft id of the installation
	Boot    uint64 `json:"boot"`    // admitted life: counts the starts of the installation
	Epoch   uint64 `json:"epoch"`   // fencing token of this life
	Since   int64  `json:"since"`   // unix milliseconds, for people
	Reason  string `json:"reason"`
	Mode    Mode   `json:"mode"`
	ModeBy  string `json:"mode_by,omitempty"`
	ModeWhy string `json:"mode_why,omitempty"`
	ModeAt  int64  `json:"mode_at,omitempty"` // unix milliseconds
	// ModeForce tells that the operator overrides the drain floor in standby.
	ModeForce bool `json:"mode_force,omitempty"`
	// Former are installations in whose place another one was admitted, with the last life of each, the newest at the end. Nobody
	// listens to those lives any more: they may not know it.
	Former []FormerLife `json:"former,omitempty"`
}

// FormerLife is the last life of an installation that was replaced.
type FormerLife struct {
	Install uint64 `json:"install"`
	Boot    uint64 `json:"boot"`
}

// formerKept is how many installations of a node are remembered that were replaced.
const formerKept = 8

// Replaced tells whether another installation was admitted in the place of this life. A later life of the same installation is
// another one.
func (n Node) Replaced(install, boot uint64) bool {
	return slices.ContainsFunc(n.Former, func(f FormerLife) bool { return f.Install == install && boot <= f.Boot })
}

// replacedBy returns the former installations of a node once another one is admitted.
func (n Node) replacedBy(install uint64) []FormerLife {
	if n.Install == 0 || n.Install == install {
		return n.Former
	}
	out := slices.DeleteFunc(slices.Clone(n.Former), func(f FormerLife) bool { return f.Install == install || f.Install == n.Install })
	out = append(out, FormerLife{n.Install, n.Boot})
	return out[max(0, len(out)-formerKept):]
}

// Admin is what the operator asked of a member, in HAProxy's words.
type Admin string

// The administrative states.
const (
	AdminReady Admin = "ready"
	AdminDrain Admin = "drain"
	AdminMaint Admin = "maint"
)

// Condition is a verdict about a member.
type Condition string

// The conditions of a member.
const (
	Unknown Condition = "unknown"
	Up      Condition = "up"
	Down    Condition = "down"
)

// MemberState is the committed state of one member.
type MemberState struct {
	Admin     Admin     `json:"admin"`
	Deadline  Duration  `json:"deadline,omitempty"` // drain deadline; 0 = the pool's
	Force     bool      `json:"force,omitempty"`    // the operator overrides the drain floor
	AdminBy   string    `json:"admin_by,omitempty"`
	AdminWhy  string    `json:"admin_why,omitempty"`
	AdminAt   int64     `json:"admin_at,omitempty"` // unix milliseconds
	Condition Condition `json:"condition"`
	Why       string    `json:"why,omitempty"`
	By        []NodeID  `json:"by,omitempty"`    // whose verdicts made the condition
	Since     int64     `json:"since,omitempty"` // unix milliseconds
}

// Event is one committed transition, told to people and programs.
type Event struct {
	Index   uint64 `json:"index"` // raft index; with N it names the event
	N       int    `json:"n"`
	At      int64  `json:"at"` // unix milliseconds at the proposer
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Reason  string `json:"reason"`
	By      string `json:"by,omitempty"`
	Epoch   uint64 `json:"epoch,omitempty"`
}

// The kinds of committed events.
const (
	EventSpec         = "spec.applied"
	EventAdmitted     = "node.admitted"
	EventCondemned    = "node.condemned"
	EventLeft         = "node.left"
	EventMode         = "node.mode"
	EventMemberAdmin  = "member.admin"
	EventMemberHealth = "member.health"
	EventGiven        = "resource.given"    // somebody holds it from now on
	EventRecalled     = "resource.recalled" // its holder is asked to let go
	EventLetGo        = "resource.let-go"   // nobody holds it
	EventResource     = "resource.admin"    // an operator asked for something
)

// State is everything that the cluster has agreed on.
type State struct {
	ID       string                   `json:"id"`       // cluster id, made when the cluster was founded
	Index    uint64                   `json:"index"`    // raft index of the newest entry in it
	Revision uint64                   `json:"revision"` // counts the accepted cluster files
	Epoch    uint64                   `json:"epoch"`    // newest fencing token given out
	Spec     Spec                     `json:"spec"`
	Nodes    map[NodeID]Node          `json:"nodes"`
	Members  map[MemberID]MemberState `json:"members"`

	Resources map[string]Resource `json:"resources,omitempty"`
	Done      []string            `json:"done"`   // ids of the newest commands
	Events    []Event             `json:"events"` // the newest events
}

// New returns the state of a cluster that was just founded.
func New(id string) State {
	return State{ID: id, Nodes: map[NodeID]Node{}, Members: map[MemberID]MemberState{}, Resources: map[string]Resource{}}
}

// Node returns the state of a node; a node never seen is LifeUnknown and active.
func (s State) Node(id NodeID) Node {
	n, ok := s.Nodes[id]
	if !ok {
		return Node{Mode: ModeActive}
	}
	return n
}

// Member returns the state of a member; one never seen is ready and unknown.
func (s State) Member(id MemberID) MemberState {
	m, ok := s.Members[id]
	if !ok {
		return MemberState{Admin: AdminReady, Condition: Unknown}
	}
	return m
}

// Clone returns a copy that shares nothing that Apply changes: what lies within
// a Spec, a MemberState or a Resource is replaced as a whole and never written to.
func (s State) Clone() State {
	s.Nodes, s.Members, s.Resources = copied(s.Nodes), copied(s.Members), copied(s.Resources)
	s.Done = slices.Clone(s.Done)
	s.Events = slices.Clone(s.Events)
	return s
}

// copied returns a copy of the map that can be written to.
func copied[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m)+1)
	maps.Copy(out, m)
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
