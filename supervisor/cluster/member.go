// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// MemberID names one member of one pool. It prints as "pool/member".
type MemberID struct {
	Pool   string `json:"pool"`
	Member string `json:"member"`
}

// String returns "pool/member".
func (id MemberID) String() string { return id.Pool + "/" + id.Member }

// MarshalText implements encoding.TextMarshaler, so that the id can be a key in JSON.
func (id MemberID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *MemberID) UnmarshalText(text []byte) error {
	v, err := ParseMemberID(string(text))
	if err != nil {
		return err
	}
	*id = v
	return nil
}

// ParseMemberID reads "pool/member".
func ParseMemberID(s string) (MemberID, error) {
	pool, member, ok := strings.Cut(s, "/")
	if !ok || pool == "" || member == "" {
		return MemberID{}, fmt.Errorf("%q does not name a member; write POOL/MEMBER, such as web/n1", s)
	}
	return MemberID{Pool: pool, Member: member}, nil
}

// Compare orders ids by pool, then member.
func (id MemberID) Compare(o MemberID) int {
	if c := strings.Compare(id.Pool, o.Pool); c != 0 {
		return c
	}
	return strings.Compare(id.Member, o.Member)
}

// Member is one member of a pool with what its pool says about it.
type Member struct {
	ID      MemberID
	Node    NodeID // the node it lives on; empty for an agentless member
	Address string // IP address
	Port    int
	Weight  int // HAProxy weight; 0 = the balancer's own
	Pool    PoolSpec
}

// Agentless tells that no Evenkeel runs where the member lives.
func (m Member) Agentless() bool { return m.Node == "" }

// Members returns every member of the spec, sorted by id. A node that several
// entries of a pool choose is a member once, by the first of them.
func (s Spec) Members() []Member {
	var out []Member
	for _, p := range s.Pools {
		out = append(out, s.membersOf(p)...)
	}
	slices.SortFunc(out, func(a, b Member) int { return a.ID.Compare(b.ID) })
	return out
}

// membersOf returns the members of one pool, in the order of the file.
func (s Spec) membersOf(p PoolSpec) []Member {
	var out []Member
	seen := map[string]bool{}
	for _, ms := range p.Members {
		for _, m := range s.expand(p, ms) {
			if !seen[m.ID.Member] {
				seen[m.ID.Member] = true
				out = append(out, m)
			}
		}
	}
	return out
}

// Member returns the member with the given id.
func (s Spec) Member(id MemberID) (Member, bool) {
	p, ok := s.Pool(id.Pool)
	if !ok {
		return Member{}, false
	}
	members := s.membersOf(p)
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return members[i], true
}

func (s Spec) expand(p PoolSpec, ms MemberSpec) []Member {
	if ms.Address != "" {
		return []Member{{
			ID: MemberID{Pool: p.Name, Member: ms.Name}, Address: ms.Address,
			Port: ms.Port, Weight: ms.Weight, Pool: p,
		}}
	}
	var out []Member
	for _, n := range s.Nodes {
		if n.Witness || !n.has(ms.Nodes) {
			continue
		}
		out = append(out, Member{
			ID: MemberID{Pool: p.Name, Member: string(n.Name)}, Node: n.Name,
			Address: n.Address, Port: ms.Port, Weight: ms.Weight, Pool: p,
		})
	}
	return out
}

// has tells whether the node carries all the labels; no labels choose no node.
func (n NodeSpec) has(labels map[string]string) bool {
	if len(labels) == 0 {
		return false
	}
	for _, k := range sortedKeys(labels) {
		if v, ok := n.Labels[k]; !ok || v != labels[k] {
			return false
		}
	}
	return true
}
