// SPDX-License-Identifier: Apache-2.0

package consensus

const (
	// FrameBytesMax is the largest frame that is sent or accepted, in bytes. It stays well under the 1 MiB payload of the bus.
	FrameBytesMax = 512 << 10
	// ProposalBytesMax is the largest proposal, in bytes; with its envelope it always fits into one frame.
	ProposalBytesMax = 256 << 10
	// SnapshotBytesMax is the largest encoded snapshot, in bytes, and the most that half-received snapshots may hold together.
	SnapshotBytesMax = 64 << 20
	// MembersMax is the largest number of voters and learners together.
	MembersMax = 64
	// NodeNameBytesMax is the longest node name, in bytes.
	NodeNameBytesMax = 255
	// TermJumpMax is how far the term of a frame may be ahead of ours, in terms. A replica without any history accepts more,
	// since it cannot judge, but never over TermMax.
	TermJumpMax = 1_000_000
	// TermMax is the highest term that is ever accepted; it leaves room so that no arithmetic on terms can overflow.
	TermMax = 1 << 48

	// SnapshotEntriesDefault is after how many entries since the last snapshot a new one is asked for.
	SnapshotEntriesDefault = 4096
	// TailEntriesDefault is how many entries before a snapshot stay at hand for followers that lag a little.
	TailEntriesDefault = 1024

	// snapshotLogBytes is after how many bytes of entries since the last snapshot a new one is asked for.
	snapshotLogBytes = 16 << 20
	// appendBytesMax bounds the entries in one append message, in bytes; a single larger entry still travels alone.
	appendBytesMax = 256 << 10
	// committedBytesMax bounds the entries that are handed out and not yet applied, in bytes.
	committedBytesMax = 1 << 20
	// uncommittedBytesMax bounds the uncommitted tail of a leader's log, in bytes; over it, proposals are dropped.
	uncommittedBytesMax = 16 << 20
	// inflightMessagesMax bounds the unacknowledged append messages to one follower.
	inflightMessagesMax = 64
	// inflightBytesMax bounds the unacknowledged entries to one follower, in bytes.
	inflightBytesMax = 4 << 20

	// chunksPerTick is how many snapshot chunks go to one follower in each tick (4 MiB).
	chunksPerTick = 8
	// transferPatience is how many election timeouts a sent snapshot may stay unanswered before it is sent again.
	transferPatience = 2
	// assemblyPatience is how many election timeouts a half-received snapshot may stay untouched before it is dropped.
	assemblyPatience = 20
	// assembliesMax bounds the senders of which a half-received snapshot is kept.
	assembliesMax = 8
)
