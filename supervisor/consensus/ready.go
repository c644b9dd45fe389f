// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Committed is an entry that no failure of a minority can take back, durable on this replica.
type Committed struct {
	Index, Term uint64
	// Data is the proposal; nil for a leader's first entry of a term and for a change of voters.
	Data []byte
	// Change is the change of voters that took effect, else nil. A change that was refused comes out with neither.
	Change *Change
}

// Output is work for the owner, in this order: publish Send, start writing Append, load Restore, apply Committed. Send never
// depends on the Append beside it.
type Output struct {
	// Append goes to the disk, after all former ones; call Appended when it is durable.
	Append *Append
	// Send holds frames to be published now, in order; they may be lost, repeated and reordered.
	Send []Frame
	// Restore replaces the whole state of the state machine, before Committed.
	Restore *Snapshot
	// Committed follows what was handed out before without a gap; call Applied with the last index.
	Committed []Committed
	// WantSnapshot asks for a Snapshot call with the present state: the log has grown, or a follower needs it.
	WantSnapshot bool

	// Leader is the id of the present leader, 0 when there is none.
	Leader uint64
	// IsLeader says that this replica leads, which is no right to act.
	IsLeader bool
	Term     uint64
}

// Ready returns the next piece of work, or false when there is none. The owner calls it after each input until it says false.
func (r *Replica) Ready() (Output, bool) {
	var out Output
	if !r.stirred {
		return out, false
	}
	work := false
	r.guard("ready", func() {
		if r.rn.HasReady() {
			r.collect(&out, r.rn.Ready())
			work = true
		}
		r.addOwnSnapshot(&out)
		now := r.softState()
		work = work || now != r.seen || out.Append != nil || r.restore != nil || len(r.outbox) > 0 || r.log.wanted
		r.seen = now
		out.Leader, out.Term, out.IsLeader = now.leader, now.term, now.isLeader
		out.WantSnapshot = r.log.wanted || r.grown()
		out.Restore, out.Send = r.restore, r.outbox
		r.restore, r.outbox, r.log.wanted = nil, nil, false
	})
	r.stirred = work
	if r.failed != "" {
		return Output{}, false
	}
	return out, work
}

func (r *Replica) softState() soft {
	s := r.rn.BasicStatus()
	return soft{leader: s.Lead, term: s.GetTerm(), isLeader: s.RaftState == raft.StateLeader}
}

// collect sorts raft's messages by where they go: to the disk, to the state machine, to the others.
func (r *Replica) collect(out *Output, rd raft.Ready) {
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			out.Append = r.newAppend(m)
		case raft.LocalApplyThread:
			r.applying = append(r.applying, m.GetEntries()...)
			for _, e := range m.GetEntries() {
				out.Committed = append(out.Committed, r.commit(e))
			}
		default:
			r.send(m)
		}
	}
}

// newAppend makes raft's order to the disk ours.
func (r *Replica) newAppend(m *raftpb.Message) *Append {
	a := &Append{message: m, entries: m.GetEntries(), tick: r.ticks}
	if m.Term != nil {
		a.Hard = &HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
	}
	for _, e := range a.entries {
		a.Entries = append(a.Entries, entryFromPB(e))
		r.lastIndex = e.GetIndex()
	}
	if snap := m.GetSnapshot(); !raft.IsEmptySnap(snap) {
		s := &Snapshot{}
		if err := s.UnmarshalBinary(snap.GetData()); err != nil {
			panic(fmt.Sprintf("snapshot to restore: %v", err))
		}
		a.Restore, a.restored = s, snap
		r.members, r.emitted, r.settled, r.own = s.Members, s.Index, s.Term, nil
		r.sinceSnapshot = 0
		if len(a.entries) == 0 {
			r.lastIndex = s.Index
		}
	}
	r.writing = append(r.writing, a)
	return a
}

// commit turns an entry over to the state machine; a change of voters takes effect here and now.
func (r *Replica) commit(e *raftpb.Entry) Committed {
	out := Committed{Index: e.GetIndex(), Term: e.GetTerm()}
	r.emitted, r.settled = e.GetIndex(), e.GetTerm()
	r.sinceSnapshot += uint64(proto.Size(e))
	if e.GetType() == raftpb.EntryNormal {
		if len(e.GetData()) > 0 {
			out.Data = e.GetData()
		}
		return out
	}
	r.changeTerm = 0
	r.log.changed = e.GetIndex()
	c, err := decodeChange(e.GetData())
	if err != nil {
		return out
	}
	members, err := applyChange(r.members, c)
	if err != nil {
		// Every replica refuses it alike, since all have the same members at this index.
		return out
	}
	r.members, out.Change = members, &c
	r.rn.ApplyConfChange(changeToPB(c))
	return out
}

// addOwnSnapshot lets a snapshot of our own state ride on the next write.
func (r *Replica) addOwnSnapshot(out *Output) {
	if r.own == nil {
		return
	}
	if out.Append == nil {
		out.Append = &Append{tick: r.ticks}
		r.writing = append(r.writing, out.Append)
	}
	out.Append.Snapshot, r.own = r.own, nil
}

// send queues a message to another installation.
func (r *Replica) send(m *raftpb.Message) {
	if m.GetType() == raftpb.MsgSnap {
		r.startTransfer(m)
		return
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("encode %s: %v", m.GetType(), err))
	}
	r.queue(m.GetTo(), frameMessage, body)
}

// Appended says that the oldest open Append is durable. The frames that waited for it come out of the next Ready. Appends that are
// answered out of order fail the replica, because then nobody knows what the disk holds.
func (r *Replica) Appended(a *Append) {
	r.guard("appended", func() {
		if len(r.writing) == 0 || r.writing[0] != a {
			panic("an append was confirmed out of order")
		}
		r.writing = r.writing[1:]
		if a.Restore != nil {
			r.log.restore(a.restored)
			r.restore = a.Restore
		}
		if err := r.log.append(a.entries); err != nil {
			panic(err)
		}
		for _, m := range a.message.GetResponses() {
			if m.GetTo() != r.cfg.ID {
				r.send(m)
				continue
			}
			// The library's own answers to itself; what no longer fits is ignored by it.
			_ = r.rn.Step(m)
		}
	})
}

// Applied says that the state machine has applied everything up to the index.
func (r *Replica) Applied(index uint64) {
	r.guard("applied", func() {
		n := 0
		for n < len(r.applying) && r.applying[n].GetIndex() <= index {
			n++
		}
		if n == 0 {
			return
		}
		done := r.applying[:n:n]
		r.applying = r.applying[n:]
		// A local answer, which is never refused.
		_ = r.rn.Step(&raftpb.Message{
			Type: raftpb.MsgStorageApplyResp.Enum(), To: new(r.cfg.ID), From: new(raft.LocalApplyThread),
			Term: new(uint64(0)), Entries: done,
		})
	})
}

// grown says that the log since the last snapshot is long enough for a new one.
func (r *Replica) grown() bool {
	since := r.emitted - min(r.emitted, r.log.snapIndex())
	return since >= r.cfg.SnapshotEntries || r.sinceSnapshot >= snapshotLogBytes
}

// Snapshot takes the state of the state machine at the last applied index, so that the log before it can go. The snapshot becomes
// durable with the next Append. Offering the same index again changes nothing.
func (r *Replica) Snapshot(index uint64, data []byte) error {
	switch {
	case r.failed != "":
		return r.err()
	case index != r.emitted || len(r.applying) > 0 || r.restore != nil || index > r.log.last():
		return fmt.Errorf("snapshot at %d, handed out to %d: %w", index, r.emitted, ErrNotApplied)
	case index <= r.log.snapIndex():
		return nil
	}
	s := &Snapshot{Index: index, Term: r.settled, Members: r.members, Data: data}
	pb, err := s.toPB()
	if err != nil {
		return err
	}
	r.guard("snapshot", func() {
		if err := r.log.compact(pb, r.cfg.TailEntries); err != nil {
			panic(err)
		}
		r.own, r.sinceSnapshot = s, 0
	})
	return r.err()
}
