// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ResourceSpec is something that one node holds at a time.
type ResourceSpec struct {
	Name     string   `json:"name" jsonschema:"Name of the resource."`
	VIP      *VIPSpec `json:"vip,omitempty" jsonschema:"Virtual IP addresses, which move together."`
	Nodes    []NodeID `json:"nodes,omitempty" jsonschema:"Nodes that may hold it (default: every node but witnesses)."`
	Prefer   []NodeID `json:"prefer,omitempty" jsonschema:"Nodes that should hold it, the best first (default: none is better than another)."`
	Balancer string   `json:"balancer,omitempty" jsonschema:"It is held only where this balancer answers."`
	Pool     string   `json:"pool,omitempty" jsonschema:"It is held only where the node's own member of this pool is up."`
	Requires Proof    `json:"requires,omitempty" jsonschema:"What must be proven of a lost holder before another node takes over: lease (default: its right has run out), quorum (a majority called it dead) or fencing (it is cut off)."`
	Failback string   `json:"failback,omitempty" jsonschema:"When it goes back to a better node that can hold it again: never (default), immediately, when-idle, or after 10m."`
}

// VIPSpec is a unit of virtual addresses.
type VIPSpec struct {
	Addresses []string `json:"addresses" jsonschema:"Addresses with their prefix length, such as 10.0.0.100/24 or 2001:db8::100/64."`
	Interface string   `json:"interface" jsonschema:"Network interface that carries them, such as eth0, bond0 or eth0.20."`
	Label     string   `json:"label,omitempty" jsonschema:"Label of IPv4 addresses, beginning with the interface's name, such as eth0:web."`
	Command   []string `json:"command,omitempty" jsonschema:"Command that moves the addresses where gratuitous ARP is ignored, as in clouds; it is run with assign, check or release."`
}

// Proof is what must be proven of a lost holder.
type Proof string

// The proofs.
const (
	ProofLease   Proof = "lease"
	ProofQuorum  Proof = "quorum"
	ProofFencing Proof = "fencing"
)

// Proof returns what the resource requires.
func (r ResourceSpec) Proof() Proof {
	if r.Requires == "" {
		return ProofLease
	}
	return r.Requires
}

// The words of a failback.
const (
	FailbackNever       = "never"
	FailbackImmediately = "immediately"
	FailbackWhenIdle    = "when-idle"
	failbackAfter       = "after "
)

// FailbackAfter returns how long a better node must have been able to hold the resource before it goes back there; it is false
// if the time is not what decides.
func (r ResourceSpec) FailbackAfter() (time.Duration, bool) {
	if r.Failback == FailbackImmediately {
		return 0, true
	}
	text, ok := strings.CutPrefix(r.Failback, failbackAfter)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// Resource returns the named resource of the spec.
func (s Spec) Resource(name string) (ResourceSpec, bool) {
	i := slices.IndexFunc(s.Resources, func(r ResourceSpec) bool { return r.Name == name })
	if i < 0 {
		return ResourceSpec{}, false
	}
	return s.Resources[i], true
}

// MemberOn returns the member of a pool that lives on a node.
func (s Spec) MemberOn(pool string, id NodeID) (Member, bool) {
	members := s.Members()
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID.Pool == pool && m.Node == id })
	if i < 0 {
		return Member{}, false
	}
	return members[i], true
}

// Eligible returns the nodes that the cluster file lets hold the resource, the preferred ones first and in their order.
func (s Spec) Eligible(r ResourceSpec) []NodeID {
	var out []NodeID
	add := func(n NodeID) {
		if len(r.Nodes) > 0 && !slices.Contains(r.Nodes, n) || slices.Contains(out, n) {
			return
		}
		if spec, ok := s.Node(n); ok && !spec.Witness {
			out = append(out, n)
		}
	}
	for _, n := range r.Prefer {
		add(n)
	}
	for _, n := range s.Nodes {
		add(n.Name)
	}
	return out
}

// Prefixes returns the addresses of the unit. What cannot be read is left out; Validate tells about it.
func (v VIPSpec) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, a := range v.Addresses {
		if p, err := netip.ParsePrefix(a); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Resource is the committed state of one resource.
type Resource struct {
	Holder  NodeID `json:"holder,omitempty"`  // who may act, in the life that Life names; empty = nobody
	Life    uint64 `json:"life,omitempty"`    // epoch of the holder's life
	Install uint64 `json:"install,omitempty"` // the holder's installation
	Boot    uint64 `json:"boot,omitempty"`    // the holder's boot
	Epoch   uint64 `json:"epoch,omitempty"`   // fencing token: of the newest giving or taking
	Given   int64  `json:"given,omitempty"`   // unix milliseconds, for people: when the holder got it
	Leaving bool   `json:"leaving,omitempty"` // the holder is asked to let go
	To      NodeID `json:"to,omitempty"`      // who gets it then, if he still can; empty = whoever is best

	Disabled bool     `json:"disabled,omitempty"` // by an operator: nobody holds it
	Banned   []NodeID `json:"banned,omitempty"`   // by an operator: these do not hold it

	Since  int64  `json:"since,omitempty"` // unix milliseconds, for people
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// Resource returns the state of a resource; nobody holds one never seen.
func (s State) Resource(name string) Resource { return s.Resources[name] }

// Over tells whether the life in which the holder holds the resource is over, as the log knows it.
func (s State) Over(r Resource) bool {
	n := s.Node(r.Holder)
	return r.Holder != "" && (n.Life != LifeAlive || n.Epoch != r.Life)
}

// Unfit tells why a node cannot be given the resource as far as the log knows; empty if it can.
func (s State) Unfit(name string, id NodeID) string {
	spec, ok := s.Spec.Resource(name)
	r, n := s.Resource(name), s.Node(id)
	switch {
	case !ok:
		return "the cluster file has no resource " + name
	case !slices.Contains(s.Spec.Eligible(spec), id):
		return "the cluster file does not let node " + string(id) + " hold it"
	case r.Disabled:
		return "it is disabled"
	case slices.Contains(r.Banned, id):
		return "it is banned from node " + string(id)
	case n.Life != LifeAlive:
		return "node " + string(id) + " " + n.Life.Words()
	case n.Mode != ModeActive:
		return "node " + string(id) + " is in " + string(n.Mode)
	}
	return ""
}
