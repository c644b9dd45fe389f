// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Limits of a cluster file. A heartbeat has room for what a node within them can
// say about itself.
const (
	MaxNodes     = 32   // nodes of a cluster
	MaxVoters    = 9    // more voters make every decision slower and none safer
	MaxBalancers = 64   // balancers of a cluster
	MaxMembers   = 4096 // members of all pools together, and entries that choose them
	MaxResources = 256  // resources of a cluster
	MaxAddresses = 64   // addresses of a resource
	MaxName      = 64   // bytes of a name
)

// Problem is one fault of a cluster file.
type Problem struct {
	Path  string // the key, such as pools[0].members[1].port
	Value string // what stands there
	Want  string // what would be right
}

// String tells the fault in one line.
func (p Problem) String() string {
	if p.Value == "" {
		return p.Path + ": " + p.Want
	}
	return fmt.Sprintf("%s: %q: %s", p.Path, p.Value, p.Want)
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?$`)
	proxyForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
)

const nameWant = "use 1 to 64 lower-case letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"

// ValidName tells whether s can name a node, pool, balancer, member or cluster.
func ValidName(s string) bool { return nameForm.MatchString(s) }

// Validate returns every fault of the spec, in the order of the file. Of a file
// that is beyond all measure it tells that alone, so that its time is bounded.
func (s Spec) Validate() []Problem {
	v := &validator{}
	if v.size(s); len(v.problems) > 0 {
		return v.problems
	}
	v.name("cluster", s.Cluster)
	v.nodes(s)
	v.balancers(s)
	v.pools(s)
	v.resources(s)
	return v.problems
}

type validator struct{ problems []Problem }

func (v *validator) add(path, value, want string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Value: value, Want: fmt.Sprintf(want, args...)})
}

func (v *validator) size(s Spec) {
	entries := 0
	for _, p := range s.Pools {
		entries += max(1, len(p.Members))
	}
	v.atMost("nodes", len(s.Nodes), "nodes", MaxNodes)
	v.atMost("balancers", len(s.Balancers), "balancers", MaxBalancers)
	v.atMost("pools", entries, "entries of members", MaxMembers)
	v.atMost("resources", len(s.Resources), "resources", MaxResources)
}

func (v *validator) atMost(path string, n int, what string, most int) {
	if n > most {
		v.add(path, fmt.Sprintf("%d %s", n, what), "at most %d", most)
	}
}

func (v *validator) name(path, value string) {
	switch {
	case value == "":
		v.add(path, "", "is missing; "+nameWant)
	case !ValidName(value):
		v.add(path, value, nameWant)
	}
}

// unique checks the name of an entry against those above it.
func (v *validator) unique(path, what, name string, seen map[string]bool) {
	v.name(path, name)
	if name != "" && seen[name] {
		v.add(path, name, "a %s of this name stands above; names are unique", what)
	}
	seen[name] = true
}

func (v *validator) absolute(path, value, want string) {
	if value != "" && !strings.HasPrefix(value, "/") {
		v.add(path, value, "%s", want)
	}
}

func (v *validator) nodes(s Spec) {
	if len(s.Nodes) == 0 {
		v.add("nodes", "", "is missing; name at least one node")
		return
	}
	seen, addresses := map[string]bool{}, map[string]NodeID{}
	for i, n := range s.Nodes {
		path := fmt.Sprintf("nodes[%d]", i)
		v.unique(path+".name", "node", string(n.Name), seen)
		if n.Address != "" {
			address := v.address(path+".address", n.Address)
			if other, ok := addresses[address]; ok {
				v.add(path+".address", n.Address, "node %s has this address already", other)
			}
			addresses[address] = n.Name
		}
		if n.Witness && !n.Votes() {
			v.add(path+".vote", "false", "a witness is there to vote; remove vote or witness")
		}
		for _, k := range sortedKeys(n.Labels) {
			if !proxyForm.MatchString(k) {
				v.add(path+".labels."+k, k, "a label's name has 1 to 128 letters, digits, '-', '_', '.' or ':'")
			}
		}
	}
	switch voters := len(s.Voters()); {
	case voters == 0:
		v.add("nodes", "", "no node votes; at least one must")
	case voters > MaxVoters:
		v.add("nodes", fmt.Sprintf("%d voters", voters), "at most %d may vote; give the others vote: false", MaxVoters)
	}
}

// address checks an IP address and returns it in its usual form.
func (v *validator) address(path, value string) string {
	a, err := netip.ParseAddr(value)
	if err != nil {
		v.add(path, value, "write an IP address, such as 10.0.0.11 or 2001:db8::11; names are not resolved")
		return value
	}
	return a.Unmap().String()
}

func (v *validator) balancers(s Spec) {
	seen, sockets := map[string]bool{}, map[string]string{}
	for i, b := range s.Balancers {
		path := fmt.Sprintf("balancers[%d]", i)
		v.unique(path+".name", "balancer", b.Name, seen)
		if b.Driver != "" && b.Driver != HAProxyDriver {
			v.add(path+".driver", b.Driver, "the drivers are: %s", HAProxyDriver)
		}
		if !strings.HasPrefix(b.Socket, "/") {
			v.add(path+".socket", b.Socket, "write the absolute path of HAProxy's stats socket, such as /run/haproxy/admin.sock")
		}
		v.absolute(path+".state_file", b.StateFile, "write an absolute path, the one that haproxy.cfg names as server-state-file")
		if b.Ring != "" && !proxyForm.MatchString(b.Ring) {
			v.add(path+".ring", b.Ring, "write the name of a ring section of haproxy.cfg")
		}
		if len(b.Nodes) == 0 {
			v.add(path+".nodes", "", "is missing; name the nodes that run this balancer")
		}
		for j, n := range b.Nodes {
			at := fmt.Sprintf("%s.nodes[%d]", path, j)
			v.known(at, s, n)
			if slices.Contains(b.Nodes[:j], n) {
				v.add(at, string(n), "the node stands here twice")
				continue
			}
			key := string(n) + " " + b.Socket
			if other, ok := sockets[key]; ok && b.Socket != "" {
				v.add(path+".socket", b.Socket, "balancer %s has this socket on node %s already; one writer a server", other, n)
			}
			sockets[key] = b.Name
		}
	}
}

func (v *validator) known(path string, s Spec, n NodeID) {
	node, ok := s.Node(n)
	switch {
	case !ok:
		v.add(path, string(n), "no node of this name; there are %s", joinIDs(s.nodeNames()))
	case node.Witness:
		v.add(path, string(n), "the node is a witness: it votes and runs nothing")
	}
}
