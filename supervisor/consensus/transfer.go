// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"maps"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// transfer is a snapshot on its way to one follower.
type transfer struct {
	id      snapshotID
	attempt uint32
	// data is shared with the log's view and with the other transfers.
	data []byte
	next uint32
	// sent is the tick of the last piece.
	sent uint64
}

// startTransfer replaces whatever was on its way to the follower and sends the first pieces.
func (r *Replica) startTransfer(m *raftpb.Message) {
	meta, data := m.GetSnapshot().GetMetadata(), m.GetSnapshot().GetData()
	r.attempts++
	t := &transfer{
		id: snapshotID{
			leaderTerm: m.GetTerm(), index: meta.GetIndex(), term: meta.GetTerm(),
			size: uint32(len(data)), sum: castagnoli(data),
		},
		attempt: r.attempts,
		data:    data,
	}
	r.transfers[m.GetTo()] = t
	r.pump(m.GetTo(), t)
}

// pump sends the next pieces of one transfer.
func (r *Replica) pump(to uint64, t *transfer) {
	for range chunksPerTick {
		if t.next >= t.id.parts() {
			return
		}
		at := int(t.next) * chunkDataBytes
		body := encodeChunk(chunk{
			snapshotID: t.id, attempt: t.attempt, part: t.next,
			data: t.data[at : at+t.id.partLen(t.next)],
		})
		r.queue(to, frameChunk, body)
		t.next++
		t.sent = r.ticks
	}
}

// tickTransfers moves each transfer on, forgets those that the follower has answered, and reports those as lost that stay
// unanswered, upon which raft tries again.
func (r *Replica) tickTransfers() {
	if len(r.transfers) == 0 {
		return
	}
	waiting := map[uint64]bool{}
	if r.rn.BasicStatus().RaftState == raft.StateLeader {
		r.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
			waiting[id] = pr.State == tracker.StateSnapshot
		})
	}
	for _, to := range slices.Sorted(maps.Keys(r.transfers)) {
		t := r.transfers[to]
		switch {
		case !waiting[to]:
			delete(r.transfers, to)
		case t.next < t.id.parts():
			r.pump(to, t)
		case r.ticks-t.sent > uint64(transferPatience*r.cfg.ElectionTicks):
			delete(r.transfers, to)
			r.rn.ReportSnapshot(to, raft.SnapshotFailure)
		}
	}
}
