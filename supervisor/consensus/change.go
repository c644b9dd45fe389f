// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"cmp"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// ChangeKind says what a change does to one member.
type ChangeKind uint8

const (
	// AddLearner lets an installation receive the log without counting.
	AddLearner ChangeKind = 1
	// Promote makes a learner a voter.
	Promote ChangeKind = 2
	// Remove takes a voter or learner out for good.
	Remove ChangeKind = 3
)

// String returns the words that logs print.
func (k ChangeKind) String() string {
	switch k {
	case AddLearner:
		return "add learner"
	case Promote:
		return "promote"
	case Remove:
		return "remove"
	default:
		return fmt.Sprintf("change(%d)", uint8(k))
	}
}

// Change is one step of the voter set: a single installation, and the node that it runs on.
type Change struct {
	Kind ChangeKind
	ID   uint64
	Node string
}

// String returns the change in the words of logs and golden files.
func (c Change) String() string { return fmt.Sprintf("%s %x (%s)", c.Kind, c.ID, c.Node) }

// applyChange returns the members after the change. It decides from replicated state alone, so every replica accepts and refuses
// the same changes; a refused one leaves the members as they were.
func applyChange(members []Member, c Change) ([]Member, error) {
	if !validID(c.ID) || !validNode(c.Node) {
		return members, fmt.Errorf("%s: bad id or node name: %w", c, ErrChange)
	}
	at, found := slices.BinarySearchFunc(members, c.ID, func(m Member, id uint64) int { return cmp.Compare(m.ID, id) })
	switch {
	case c.Kind == AddLearner && found:
		return members, fmt.Errorf("%s: it is a %s: %w", c, members[at].Role, ErrChange)
	case c.Kind == AddLearner && len(members) >= MembersMax:
		return members, fmt.Errorf("%s: there are %d members: %w", c, len(members), ErrChange)
	case c.Kind == AddLearner:
		return slices.Insert(slices.Clone(members), at, Member{ID: c.ID, Node: c.Node, Role: RoleLearner}), nil
	case !found || members[at].Node != c.Node:
		return members, fmt.Errorf("%s: no such member: %w", c, ErrChange)
	case c.Kind == Promote && members[at].Role == RoleLearner:
		out := slices.Clone(members)
		out[at].Role = RoleVoter
		return out, nil
	case c.Kind == Remove && (members[at].Role == RoleLearner || countVoters(members) > 1):
		return slices.Delete(slices.Clone(members), at, at+1), nil
	default:
		return members, fmt.Errorf("%s: it is a %s among %d voters: %w", c, members[at].Role, countVoters(members), ErrChange)
	}
}

func countVoters(members []Member) int {
	n := 0
	for _, m := range members {
		if m.Role == RoleVoter {
			n++
		}
	}
	return n
}

// encodeChange writes the change in the library's form, since the library itself must be able to read it in the log.
func encodeChange(c Change) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(changeToPB(c))
}

func changeToPB(c Change) *raftpb.ConfChange {
	kind := raftpb.ConfChangeRemoveNode
	switch c.Kind {
	case AddLearner:
		kind = raftpb.ConfChangeAddLearnerNode
	case Promote:
		kind = raftpb.ConfChangeAddNode
	case Remove:
	}
	return &raftpb.ConfChange{Type: kind.Enum(), NodeId: new(c.ID), Context: []byte(c.Node)}
}

func decodeChange(b []byte) (Change, error) {
	var cc raftpb.ConfChange
	if err := unmarshal(b, &cc); err != nil {
		return Change{}, fmt.Errorf("change of voters: %w", err)
	}
	c := Change{ID: cc.GetNodeId(), Node: string(cc.GetContext())}
	switch cc.GetType() {
	case raftpb.ConfChangeAddLearnerNode:
		c.Kind = AddLearner
	case raftpb.ConfChangeAddNode:
		c.Kind = Promote
	case raftpb.ConfChangeRemoveNode:
		c.Kind = Remove
	default:
		return Change{}, fmt.Errorf("change of voters of type %s: %w", cc.GetType(), ErrChange)
	}
	return c, nil
}

// unmarshal decodes with a bound on nesting, so that no input makes the decoder recurse deeply.
func unmarshal(b []byte, m proto.Message) error {
	const nestingMax = 8
	return proto.UnmarshalOptions{RecursionLimit: nestingMax, DiscardUnknown: true}.Unmarshal(b, m)
}
