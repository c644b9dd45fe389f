// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// memory is the library's view of the durable log: what Appended confirmed, and nothing else. Unlike the library's own
// MemoryStorage it shares snapshots instead of copying them, and it withholds a snapshot that is older than the last change of
// members, because a new learner ignores a snapshot that does not name it.
type memory struct {
	hard *raftpb.HardState
	snap *raftpb.Snapshot
	// beforeIndex and beforeTerm name the entry ahead of entries[0].
	beforeIndex, beforeTerm uint64
	entries                 []*raftpb.Entry
	// changed is the index of the last applied change of members.
	changed uint64
	// wanted is set when a follower needs a snapshot that is not at hand.
	wanted bool
}

func newMemory(r Restored) (*memory, error) {
	m := &memory{snap: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{ConfState: &raftpb.ConfState{}}}}
	if r.Snapshot != nil {
		pb, err := r.Snapshot.toPB()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		m.restore(pb)
	}
	for _, e := range r.Entries {
		m.entries = append(m.entries, entryToPB(e))
	}
	if r.Hard != (HardState{}) {
		m.hard = &raftpb.HardState{Term: new(r.Hard.Term), Vote: new(r.Hard.Vote), Commit: new(r.Hard.Commit)}
	}
	return m, nil
}

// InitialState implements raft.Storage.
func (m *memory) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return m.hard, m.snap.GetMetadata().GetConfState(), nil
}

// Entries implements raft.Storage.
func (m *memory) Entries(lo, hi, sizeMax uint64) ([]*raftpb.Entry, error) {
	first, last := m.first(), m.last()
	if lo < first {
		return nil, raft.ErrCompacted
	}
	if hi > last+1 || lo > hi {
		return nil, raft.ErrUnavailable
	}
	entries := m.entries[lo-first : hi-first]
	size := uint64(0)
	for i, e := range entries {
		size += uint64(proto.Size(e))
		if i > 0 && size > sizeMax {
			entries = entries[:i]
			break
		}
	}
	return slices.Clip(entries), nil
}

// Term implements raft.Storage.
func (m *memory) Term(index uint64) (uint64, error) {
	first := m.first()
	switch {
	case index == first-1:
		return m.beforeTerm, nil
	case index < first:
		return 0, raft.ErrCompacted
	case index > m.last():
		return 0, raft.ErrUnavailable
	default:
		return m.entries[index-first].GetTerm(), nil
	}
}

// LastIndex implements raft.Storage.
func (m *memory) LastIndex() (uint64, error) { return m.last(), nil }

// FirstIndex implements raft.Storage.
func (m *memory) FirstIndex() (uint64, error) { return m.first(), nil }

// Snapshot implements raft.Storage.
func (m *memory) Snapshot() (*raftpb.Snapshot, error) {
	if m.snapIndex() < m.changed || m.snapIndex() == 0 {
		m.wanted = true
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return m.snap, nil
}

func (m *memory) first() uint64     { return m.beforeIndex + 1 }
func (m *memory) last() uint64      { return m.beforeIndex + uint64(len(m.entries)) }
func (m *memory) snapIndex() uint64 { return m.snap.GetMetadata().GetIndex() }

// append adds entries that the disk has, replacing everything from their first index on.
func (m *memory) append(entries []*raftpb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	from := entries[0].GetIndex()
	if from < m.first() || from > m.last()+1 {
		return fmt.Errorf("append at %d to a log of %d to %d", from, m.first(), m.last())
	}
	if from <= m.last() {
		// Copy on truncation, so that slices which Entries handed out keep what they show.
		m.entries = slices.Clip(m.entries[:from-m.first()])
	}
	m.entries = append(m.entries, entries...)
	return nil
}

// restore starts the log after a snapshot of the leader.
func (m *memory) restore(s *raftpb.Snapshot) {
	m.snap, m.entries = s, nil
	m.beforeIndex, m.beforeTerm = m.snapIndex(), s.GetMetadata().GetTerm()
	m.changed = m.snapIndex()
}

// compact keeps a snapshot of our own and drops the entries more than tail before it.
func (m *memory) compact(s *raftpb.Snapshot, tail uint64) error {
	index := s.GetMetadata().GetIndex()
	if index <= m.snapIndex() || index > m.last() {
		return errors.New("snapshot outside of the log")
	}
	m.snap = s
	if index < m.first()+tail {
		return nil
	}
	cut := index - tail
	term, err := m.Term(cut)
	if err != nil {
		return fmt.Errorf("compact at %d: %w", cut, err)
	}
	m.entries = slices.Clone(m.entries[cut+1-m.first():])
	m.beforeIndex, m.beforeTerm = cut, term
	return nil
}
