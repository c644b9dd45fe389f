// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A name of an interface, as the kernel takes them, and of a label on it.
var linkForm = regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,15}$`)

func (v *validator) resources(s Spec) {
	seen, addresses := map[string]bool{}, map[string]string{}
	for _, n := range s.Nodes {
		if a, err := netip.ParseAddr(n.Address); err == nil {
			addresses[a.Unmap().String()] = "node " + string(n.Name)
		}
	}
	for i, r := range s.Resources {
		path := fmt.Sprintf("resources[%d]", i)
		v.unique(path+".name", "resource", r.Name, seen)
		v.holders(path, s, r)
		v.holding(path, s, r)
		if r.VIP == nil {
			v.add(path+".vip", "", "is missing; name the addresses that one node holds")
			continue
		}
		v.vip(path+".vip", r, addresses)
	}
}

func (v *validator) holders(path string, s Spec, r ResourceSpec) {
	for j, n := range r.Nodes {
		v.known(fmt.Sprintf("%s.nodes[%d]", path, j), s, n)
		if slices.Contains(r.Nodes[:j], n) {
			v.add(fmt.Sprintf("%s.nodes[%d]", path, j), string(n), "the node stands here twice")
		}
	}
	for j, n := range r.Prefer {
		at := fmt.Sprintf("%s.prefer[%d]", path, j)
		v.known(at, s, n)
		if len(r.Nodes) > 0 && !slices.Contains(r.Nodes, n) {
			v.add(at, string(n), "the node is not among those of nodes, so it never holds the resource")
		}
		if slices.Contains(r.Prefer[:j], n) {
			v.add(at, string(n), "the node stands here twice")
		}
	}
	if len(r.Nodes) == 0 && len(s.Eligible(r)) == 0 {
		v.add(path+".nodes", "", "no node can hold it: all are witnesses")
	}
}

func (v *validator) holding(path string, s Spec, r ResourceSpec) {
	switch r.Proof() {
	case ProofLease, ProofQuorum:
	case ProofFencing:
		v.add(path+".requires", string(r.Requires), "there are no fence devices in the cluster file, so nothing could ever prove it; write lease")
	default:
		v.add(path+".requires", string(r.Requires), "write lease, quorum or fencing")
	}
	switch d, timed := r.FailbackAfter(); {
	case timed && d >= 0, r.Failback == "", r.Failback == FailbackNever, r.Failback == FailbackWhenIdle:
	default:
		v.add(path+".failback", r.Failback, "write never, immediately, when-idle, or a time such as after 10m")
	}
	v.vetoes(path, s, r)
}

// vetoes checks what must be well on a node that holds the resource.
func (v *validator) vetoes(path string, s Spec, r ResourceSpec) {
	if r.Pool != "" {
		if _, ok := s.Pool(r.Pool); !ok {
			v.add(path+".pool", r.Pool, "no pool of this name")
			return
		}
		for _, n := range s.Eligible(r) {
			if _, ok := s.MemberOn(r.Pool, n); !ok {
				v.add(path+".pool", r.Pool, "node %s has no member in it, so it never holds the resource; name those that have one in nodes", n)
			}
		}
	}
	if r.Balancer == "" {
		return
	}
	i := slices.IndexFunc(s.Balancers, func(b BalancerSpec) bool { return b.Name == r.Balancer })
	if i < 0 {
		v.add(path+".balancer", r.Balancer, "no balancer of this name")
		return
	}
	for _, n := range r.Nodes {
		if !slices.Contains(s.Balancers[i].Nodes, n) {
			v.add(path+".nodes", string(n), "the node does not run balancer %s, so it never holds the resource", r.Balancer)
		}
	}
}

func (v *validator) vip(path string, r ResourceSpec, addresses map[string]string) {
	if !linkForm.MatchString(r.VIP.Interface) {
		v.add(path+".interface", r.VIP.Interface, "write the name of a network interface, such as eth0")
	}
	if l := r.VIP.Label; l != "" && (!linkForm.MatchString(l) || !strings.HasPrefix(l, r.VIP.Interface)) {
		v.add(path+".label", l, "a label begins with the name of the interface and has at most 15 characters, such as %s:web", r.VIP.Interface)
	}
	if c := r.VIP.Command; len(c) > 0 && (!strings.HasPrefix(c[0], "/") || slices.Contains(c, "")) {
		v.add(path+".command", strings.Join(c, " "), "write the absolute path of the program, then its arguments, as a list of words that are not empty")
	}
	if len(r.VIP.Addresses) == 0 {
		v.add(path+".addresses", "", "is missing; name at least one address")
	}
	v.atMost(path+".addresses", len(r.VIP.Addresses), "addresses", MaxAddresses)
	for j, a := range r.VIP.Addresses {
		at := fmt.Sprintf("%s.addresses[%d]", path, j)
		p, err := netip.ParsePrefix(a)
		switch {
		case err != nil:
			v.add(at, a, "write an address with its prefix length, such as 10.0.0.100/24 or 2001:db8::100/64")
		case !p.Addr().IsGlobalUnicast():
			v.add(at, a, "the address is none that clients can connect to")
		case addresses[p.Addr().Unmap().String()] != "":
			v.add(at, a, "%s has this address already", addresses[p.Addr().Unmap().String()])
		default:
			addresses[p.Addr().Unmap().String()] = "resource " + r.Name
		}
	}
}
