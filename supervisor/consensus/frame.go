// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"go.etcd.io/raft/v3/raftpb"
)

// A frame is one bus message. All numbers are big endian.
//
//	offset  bytes  field
//	     0      1  version of this layout
//	     1      1  kind: a raft message, or a piece of a snapshot
//	     2      8  cluster, the first bytes of SHA-256 of its id
//	    10      8  from, the sender's installation
//	    18      8  to, the receiver's installation
//	    26      4  CRC-32C of everything else
//	    30      …  body
const (
	frameVersion = 1

	frameMessage = 1
	frameChunk   = 2

	frameSumAt   = 26
	frameHeadLen = 30
)

// A chunk is the body of a frame that carries a piece of a snapshot.
//
//	offset  bytes  field
//	     0      8  term of the leader that sends
//	     8      8  index of the snapshot
//	    16      8  term of the snapshot
//	    24      4  attempt, counted by the sender
//	    28      4  size of the whole snapshot
//	    32      4  CRC-32C of the whole snapshot
//	    36      4  number of this piece, from 0
//	    40      …  data
const (
	chunkHeadLen   = 40
	chunkDataBytes = FrameBytesMax - frameHeadLen - chunkHeadLen
)

// Frame is one message to another installation, complete in itself.
type Frame struct {
	To   uint64
	Data []byte
}

// envelope is a decoded frame. Its body still belongs to the caller's bytes.
type envelope struct {
	kind     byte
	cluster  uint64
	from, to uint64
	body     []byte
}

// chunk is a decoded piece of a snapshot.
type chunk struct {
	snapshotID
	attempt uint32
	part    uint32
	data    []byte
}

// snapshotID tells whether two chunks are pieces of the same thing.
type snapshotID struct {
	leaderTerm, index, term uint64
	size, sum               uint32
}

func castagnoli(parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}

func clusterTag(cluster string) uint64 {
	sum := sha256.Sum256([]byte(cluster))
	return binary.BigEndian.Uint64(sum[:8])
}

func encodeFrame(e envelope) []byte {
	b := make([]byte, 0, frameHeadLen+len(e.body))
	b = append(b, frameVersion, e.kind)
	b = binary.BigEndian.AppendUint64(b, e.cluster)
	b = binary.BigEndian.AppendUint64(b, e.from)
	b = binary.BigEndian.AppendUint64(b, e.to)
	b = binary.BigEndian.AppendUint32(b, castagnoli(b, e.body))
	return append(b, e.body...)
}

func decodeFrame(b []byte) (envelope, error) {
	switch {
	case len(b) < frameHeadLen:
		return envelope{}, fmt.Errorf("%w: %d bytes", ErrFrame, len(b))
	case len(b) > FrameBytesMax:
		return envelope{}, fmt.Errorf("%w: %d bytes, limit %d", ErrFrame, len(b), FrameBytesMax)
	case b[0] != frameVersion:
		return envelope{}, fmt.Errorf("%w: version %d", ErrFrame, b[0])
	case b[1] != frameMessage && b[1] != frameChunk:
		return envelope{}, fmt.Errorf("%w: kind %d", ErrFrame, b[1])
	case binary.BigEndian.Uint32(b[frameSumAt:]) != castagnoli(b[:frameSumAt], b[frameHeadLen:]):
		return envelope{}, fmt.Errorf("%w: checksum", ErrFrame)
	}
	return envelope{
		kind:    b[1],
		cluster: binary.BigEndian.Uint64(b[2:]),
		from:    binary.BigEndian.Uint64(b[10:]),
		to:      binary.BigEndian.Uint64(b[18:]),
		body:    b[frameHeadLen:],
	}, nil
}

func encodeChunk(c chunk) []byte {
	b := make([]byte, 0, chunkHeadLen+len(c.data))
	b = binary.BigEndian.AppendUint64(b, c.leaderTerm)
	b = binary.BigEndian.AppendUint64(b, c.index)
	b = binary.BigEndian.AppendUint64(b, c.term)
	b = binary.BigEndian.AppendUint32(b, c.attempt)
	b = binary.BigEndian.AppendUint32(b, c.size)
	b = binary.BigEndian.AppendUint32(b, c.sum)
	b = binary.BigEndian.AppendUint32(b, c.part)
	return append(b, c.data...)
}

func decodeChunk(b []byte) (chunk, error) {
	if len(b) <= chunkHeadLen {
		return chunk{}, fmt.Errorf("%w: chunk of %d bytes", ErrFrame, len(b))
	}
	c := chunk{
		snapshotID: snapshotID{
			leaderTerm: binary.BigEndian.Uint64(b),
			index:      binary.BigEndian.Uint64(b[8:]),
			term:       binary.BigEndian.Uint64(b[16:]),
			size:       binary.BigEndian.Uint32(b[28:]),
			sum:        binary.BigEndian.Uint32(b[32:]),
		},
		attempt: binary.BigEndian.Uint32(b[24:]),
		part:    binary.BigEndian.Uint32(b[36:]),
		data:    b[chunkHeadLen:],
	}
	if c.size == 0 || c.size > SnapshotBytesMax || c.part >= c.parts() || len(c.data) != c.partLen(c.part) {
		return chunk{}, fmt.Errorf("%w: piece %d with %d of %d bytes", ErrFrame, c.part, len(c.data), c.size)
	}
	if c.term == 0 || c.index == 0 || c.leaderTerm < c.term {
		return chunk{}, fmt.Errorf("%w: snapshot at %d of term %d from term %d", ErrFrame, c.index, c.term, c.leaderTerm)
	}
	return c, nil
}

// parts is how many pieces the snapshot has.
func (s snapshotID) parts() uint32 { return (s.size + chunkDataBytes - 1) / chunkDataBytes }

// partLen is how many bytes one piece has; only the last one is short.
func (s snapshotID) partLen(part uint32) int {
	return int(min(s.size-part*chunkDataBytes, chunkDataBytes))
}

// decodeMessage reads and checks a raft message: only what travels between installations, and only what makes sense by itself.
func decodeMessage(b []byte) (*raftpb.Message, error) {
	m := &raftpb.Message{}
	if err := unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	switch m.GetType() {
	case raftpb.MsgApp:
		return m, checkEntries(m)
	case raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp,
		raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp, raftpb.MsgTimeoutNow:
	default:
		return nil, fmt.Errorf("%w: message of type %s", ErrFrame, m.GetType())
	}
	if len(m.GetEntries()) > 0 || m.GetSnapshot() != nil || len(m.GetResponses()) > 0 {
		return nil, fmt.Errorf("%w: %s with luggage", ErrFrame, m.GetType())
	}
	return m, nil
}

// checkEntries makes sure that an append message continues its own anchor, entry by entry and never back in terms, and that a
// change of voters in it can be read: the library panics when it meets one that cannot.
func checkEntries(m *raftpb.Message) error {
	if m.GetSnapshot() != nil || len(m.GetResponses()) > 0 {
		return fmt.Errorf("%w: %s with luggage", ErrFrame, m.GetType())
	}
	index, term := m.GetIndex(), m.GetLogTerm()
	if index > index+uint64(len(m.GetEntries())) {
		return fmt.Errorf("%w: index overflow", ErrFrame)
	}
	for _, e := range m.GetEntries() {
		if e.GetIndex() != index+1 || e.GetTerm() < term || e.GetTerm() > m.GetTerm() {
			return fmt.Errorf("%w: entry %d of term %d after entry %d of term %d", ErrFrame, e.GetIndex(), e.GetTerm(), index, term)
		}
		switch e.GetType() {
		case raftpb.EntryNormal:
		case raftpb.EntryConfChange:
			if _, err := decodeChange(e.GetData()); err != nil {
				return fmt.Errorf("%w: %w", ErrFrame, err)
			}
		default:
			return fmt.Errorf("%w: entry of type %s", ErrFrame, e.GetType())
		}
		index, term = e.GetIndex(), e.GetTerm()
	}
	return nil
}
