// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// EntryKind tells what the data of a log entry is.
type EntryKind uint8

const (
	// EntryData carries a proposal, or nothing when a new leader settles its term.
	EntryData EntryKind = 0
	// EntryChange carries a change of voters.
	EntryChange EntryKind = 1
)

// Entry is one entry of the log as the disk keeps it.
type Entry struct {
	Index, Term uint64
	Kind        EntryKind
	Data        []byte
}

// HardState is what a replica must never forget: its term, whom it voted for in it, and how far it knows the log to be committed.
type HardState struct {
	Term, Vote, Commit uint64
}

// Append is what the disk must make durable in one transaction, in this order: Restore throws the whole log away and starts it
// after that snapshot; Entries replace everything from their first index on; Hard is the new hard state, when it changed; Snapshot
// is a snapshot of our own state, after which older entries may go. Appends are written in the order in which they were handed
// out, and each is answered by Appended.
type Append struct {
	Restore  *Snapshot
	Entries  []Entry
	Hard     *HardState
	Snapshot *Snapshot

	// message is raft's own order to the disk; its responses are delivered by Appended.
	message *raftpb.Message
	// restored is Restore in the library's form.
	restored *raftpb.Snapshot
	// entries are Entries in the library's form.
	entries []*raftpb.Entry
	// tick is when the append was handed out.
	tick uint64
}

// Empty tells that there is nothing to write. Raft has answers wait for whatever was handed out before, be it that they rest on
// nothing new: such as that to a pre-vote, which changes nothing.
func (a *Append) Empty() bool {
	return a.Restore == nil && len(a.Entries) == 0 && a.Hard == nil && a.Snapshot == nil
}

// Restored is what the disk gave back after a start. The zero value is a blank replica, which waits to be added by a leader.
type Restored struct {
	Hard HardState
	// Snapshot is nil only for a blank replica.
	Snapshot *Snapshot
	// Entries follow the snapshot without a gap.
	Entries []Entry
}

// Founder describes the first voter of a new cluster.
type Founder struct {
	ID   uint64
	Node string
	// Data is the initial state of the state machine.
	Data []byte
}

// Found returns the state of a new cluster with one voter: a snapshot at index 1 of term 1. It is appended to a blank disk and
// then loaded like any other state, so that founding and restarting are one path.
func Found(f Founder) *Append {
	return &Append{
		Restore: &Snapshot{
			Index: 1, Term: 1,
			Members: []Member{{ID: f.ID, Node: f.Node, Role: RoleVoter}},
			Data:    f.Data,
		},
		Hard: &HardState{Term: 1, Commit: 1},
	}
}

// Blank reports whether there is nothing at all, so that this replica has to be added by others.
func (r Restored) Blank() bool {
	return r.Snapshot == nil && len(r.Entries) == 0 && r.Hard == HardState{}
}

// Append returns what the disk gives back after the append, given what it gives back now. It is the meaning of Append in one
// place: stores refuse what it refuses, and their tests compare with it.
func (r Restored) Append(a *Append) (Restored, error) {
	if s := a.Restore; s != nil {
		if err := s.Check(); err != nil {
			return r, err
		}
		if s.Index <= r.Hard.Commit {
			return r, fmt.Errorf("restore to %d, but committed to %d", s.Index, r.Hard.Commit)
		}
		r.Snapshot, r.Entries = s, nil
	}
	if len(a.Entries) > 0 {
		from, base := a.Entries[0].Index, r.base()
		if from <= r.Hard.Commit || from <= base || from > base+uint64(len(r.Entries))+1 {
			return r, fmt.Errorf("append at %d: log is %d to %d, committed to %d", from, base+1, base+uint64(len(r.Entries)), r.Hard.Commit)
		}
		r.Entries = slices.Concat(r.Entries[:from-base-1], a.Entries)
	}
	if a.Hard != nil {
		if a.Hard.Term < r.Hard.Term || a.Hard.Commit < r.Hard.Commit {
			return r, fmt.Errorf("hard state goes back from %+v to %+v", r.Hard, *a.Hard)
		}
		r.Hard = *a.Hard
	}
	if s := a.Snapshot; s != nil {
		if err := s.Check(); err != nil {
			return r, err
		}
		base := r.base()
		if s.Index <= base || s.Index > r.Hard.Commit || r.Entries[s.Index-base-1].Term != s.Term {
			return r, fmt.Errorf("snapshot at %d of term %d is not of this log", s.Index, s.Term)
		}
		r.Snapshot, r.Entries = s, append([]Entry(nil), r.Entries[s.Index-base:]...)
	}
	return r, r.Check()
}

// base is the index before the first entry.
func (r Restored) base() uint64 {
	if r.Snapshot == nil {
		return 0
	}
	return r.Snapshot.Index
}

// Check reports the first contradiction in what the disk gave back, as ErrDamaged.
func (r Restored) Check() error {
	index, term := uint64(0), uint64(0)
	if r.Snapshot != nil {
		if err := r.Snapshot.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		index, term = r.Snapshot.Index, r.Snapshot.Term
	} else if len(r.Entries) > 0 {
		return fmt.Errorf("%w: entries without a snapshot before them", ErrDamaged)
	}
	first := index
	for _, e := range r.Entries {
		if e.Index != index+1 {
			return fmt.Errorf("%w: entry %d follows entry %d", ErrDamaged, e.Index, index)
		}
		if e.Term < term {
			return fmt.Errorf("%w: entry %d has term %d after term %d", ErrDamaged, e.Index, e.Term, term)
		}
		if e.Kind != EntryData && e.Kind != EntryChange {
			return fmt.Errorf("%w: entry %d is of unknown kind %d", ErrDamaged, e.Index, e.Kind)
		}
		index, term = e.Index, e.Term
	}
	switch {
	case r.Hard.Term < term:
		return fmt.Errorf("%w: term %d, but the log reaches term %d", ErrDamaged, r.Hard.Term, term)
	case r.Hard.Commit < first || r.Hard.Commit > index:
		return fmt.Errorf("%w: committed to %d, but the log has %d to %d", ErrDamaged, r.Hard.Commit, first, index)
	case r.Hard.Term > TermMax:
		return fmt.Errorf("%w: term %d is absurd", ErrDamaged, r.Hard.Term)
	}
	return nil
}

func entryFromPB(e *raftpb.Entry) Entry {
	out := Entry{Index: e.GetIndex(), Term: e.GetTerm(), Data: e.GetData()}
	if e.GetType() != raftpb.EntryNormal {
		out.Kind = EntryChange
	}
	return out
}

func entryToPB(e Entry) *raftpb.Entry {
	kind := raftpb.EntryNormal
	if e.Kind == EntryChange {
		kind = raftpb.EntryConfChange
	}
	return &raftpb.Entry{Index: new(e.Index), Term: new(e.Term), Type: kind.Enum(), Data: e.Data}
}
