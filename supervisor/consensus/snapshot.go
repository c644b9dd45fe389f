// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// snapshotVersion is the first byte of an encoded snapshot.
const snapshotVersion = 1

// Role says whether a member votes.
type Role uint8

const (
	// RoleVoter counts in elections and commits.
	RoleVoter Role = 1
	// RoleLearner receives the log and does not count.
	RoleLearner Role = 2
)

// String returns the word that status pages print.
func (r Role) String() string {
	switch r {
	case RoleVoter:
		return "voter"
	case RoleLearner:
		return "learner"
	default:
		return fmt.Sprintf("role(%d)", uint8(r))
	}
}

// Member is one installation that takes part in the log, with the name of the node that it runs on.
type Member struct {
	ID   uint64
	Node string
	Role Role
}

// Snapshot is the state at one index: the members as raft needs them, and the bytes of the state machine.
type Snapshot struct {
	Index, Term uint64
	// Members are ordered by id.
	Members []Member
	// Data belongs to the state machine.
	Data []byte
}

// Check reports why the snapshot cannot be one, or nil.
func (s *Snapshot) Check() error {
	if s.Index == 0 || s.Term == 0 || s.Term > TermMax {
		return fmt.Errorf("snapshot at index %d of term %d", s.Index, s.Term)
	}
	if len(s.Members) > MembersMax {
		return fmt.Errorf("snapshot with %d members", len(s.Members))
	}
	voters, last := 0, uint64(0)
	for _, m := range s.Members {
		switch {
		case !validID(m.ID) || m.ID <= last:
			return fmt.Errorf("snapshot with member id %x after %x", m.ID, last)
		case !validNode(m.Node):
			return fmt.Errorf("snapshot with a bad node name for member %x", m.ID)
		case m.Role == RoleVoter:
			voters++
		case m.Role != RoleLearner:
			return fmt.Errorf("snapshot with member %x as %s", m.ID, m.Role)
		}
		last = m.ID
	}
	if voters == 0 {
		return errors.New("snapshot without a voter")
	}
	return nil
}

// MarshalBinary encodes the snapshot; the result is what disks keep and what travels in chunks.
func (s *Snapshot) MarshalBinary() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	size := 1 + 8 + 8 + 2 + len(s.Data)
	for _, m := range s.Members {
		size += 8 + 1 + 1 + len(m.Node)
	}
	if size > SnapshotBytesMax {
		return nil, fmt.Errorf("snapshot of %d bytes, limit %d: %w", size, SnapshotBytesMax, ErrTooLarge)
	}
	b := make([]byte, 0, size)
	b = append(b, snapshotVersion)
	b = binary.BigEndian.AppendUint64(b, s.Index)
	b = binary.BigEndian.AppendUint64(b, s.Term)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Members)))
	for _, m := range s.Members {
		b = binary.BigEndian.AppendUint64(b, m.ID)
		b = append(b, byte(m.Role), byte(len(m.Node)))
		b = append(b, m.Node...)
	}
	return append(b, s.Data...), nil
}

// UnmarshalBinary decodes what MarshalBinary made and refuses everything else. It keeps a copy, never the given bytes.
func (s *Snapshot) UnmarshalBinary(b []byte) error {
	const fixed = 1 + 8 + 8 + 2
	if len(b) < fixed || len(b) > SnapshotBytesMax || b[0] != snapshotVersion {
		return fmt.Errorf("not a snapshot: %d bytes", len(b))
	}
	out := Snapshot{Index: binary.BigEndian.Uint64(b[1:]), Term: binary.BigEndian.Uint64(b[9:])}
	count := int(binary.BigEndian.Uint16(b[17:]))
	b = b[fixed:]
	if count > MembersMax {
		return fmt.Errorf("snapshot with %d members", count)
	}
	for range count {
		if len(b) < 10 || len(b) < 10+int(b[9]) {
			return errors.New("snapshot cut short")
		}
		end := 10 + int(b[9])
		out.Members = append(out.Members, Member{ID: binary.BigEndian.Uint64(b), Role: Role(b[8]), Node: string(b[10:end])})
		b = b[end:]
	}
	if len(b) > 0 {
		out.Data = slices.Clone(b)
	}
	if err := out.Check(); err != nil {
		return err
	}
	*s = out
	return nil
}

// toPB wraps the snapshot for the library; the data is our own encoding, which repeats index and term as a check.
func (s *Snapshot) toPB() (*raftpb.Snapshot, error) {
	data, err := s.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return wrapSnapshot(s, data), nil
}

func wrapSnapshot(s *Snapshot, data []byte) *raftpb.Snapshot {
	return &raftpb.Snapshot{
		Data: data,
		Metadata: &raftpb.SnapshotMetadata{
			ConfState: confState(s.Members),
			Index:     new(s.Index),
			Term:      new(s.Term),
		},
	}
}

func confState(members []Member) *raftpb.ConfState {
	cs := &raftpb.ConfState{}
	for _, m := range members {
		if m.Role == RoleVoter {
			cs.Voters = append(cs.Voters, m.ID)
		} else {
			cs.Learners = append(cs.Learners, m.ID)
		}
	}
	return cs
}

// validID refuses the ids that raft uses for itself.
func validID(id uint64) bool { return id != raft.None && !raft.IsLocalMsgTarget(id) }

func validNode(name string) bool { return name != "" && len(name) <= NodeNameBytesMax }
