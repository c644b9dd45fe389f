// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Config is what a replica must know about itself.
type Config struct {
	// ID is the random id of this installation.
	ID uint64
	// Cluster is the id of the cluster; frames of other clusters are refused.
	Cluster string
	// ElectionTicks is the shortest time without a leader before an election, in ticks; the longest is just under twice that.
	ElectionTicks int
	// HeartbeatTicks is the leader's heartbeat interval, in ticks.
	HeartbeatTicks int
	// SnapshotEntries is after how many entries a new snapshot is asked for; 0 means SnapshotEntriesDefault.
	SnapshotEntries uint64
	// TailEntries is how many entries before a snapshot stay at hand; 0 means TailEntriesDefault.
	TailEntries uint64
}

// Replica is one installation's raft. It has one owner, who calls it from one goroutine at a time.
type Replica struct {
	cfg Config
	tag uint64
	rn  *raft.RawNode
	log *memory

	ticks   uint64
	failed  string
	stirred bool // something was put in since Ready said that there is nothing

	// members are those of the entries and snapshots that were handed out.
	members []Member
	// emitted is the last index that was handed out as committed or restored, and settled the term of that entry.
	emitted, settled uint64
	// sinceSnapshot is how many bytes of entries were handed out since the last snapshot.
	sinceSnapshot uint64
	// lastIndex is the last index of the log that was handed out to the disk.
	lastIndex uint64
	// changeTerm is the term in which a change of voters was proposed and is not yet committed, else 0.
	changeTerm uint64

	writing  []*Append       // handed out and not yet Appended, oldest first
	applying []*raftpb.Entry // handed out and not yet Applied
	outbox   []Frame
	restore  *Snapshot // durable, to be loaded by the state machine
	own      *Snapshot // taken of our own state, to be made durable

	attempts  uint32
	transfers map[uint64]*transfer
	incoming  assembler
	seen      soft
}

// soft is what an Output says about leadership.
type soft struct {
	leader, term uint64
	isLeader     bool
}

// New starts a replica from what the disk gave back. The first Ready hands out the snapshot for the state machine, if there is one.
func New(cfg Config, r Restored) (*Replica, error) {
	if !validID(cfg.ID) || cfg.Cluster == "" {
		return nil, errors.New("consensus: an installation id and a cluster id are required")
	}
	if cfg.HeartbeatTicks < 1 || cfg.ElectionTicks <= cfg.HeartbeatTicks {
		return nil, fmt.Errorf("consensus: election after %d ticks, heartbeat every %d: the former must be more", cfg.ElectionTicks, cfg.HeartbeatTicks)
	}
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("consensus: %w", err)
	}
	if cfg.SnapshotEntries == 0 {
		cfg.SnapshotEntries = SnapshotEntriesDefault
	}
	if cfg.TailEntries == 0 {
		cfg.TailEntries = TailEntriesDefault
	}
	log, err := newMemory(r)
	if err != nil {
		return nil, fmt.Errorf("consensus: %w", err)
	}
	out := &Replica{
		cfg: cfg, tag: clusterTag(cfg.Cluster), log: log,
		lastIndex: log.last(),
		transfers: map[uint64]*transfer{},
		incoming:  assembler{bySender: map[uint64]*assembly{}},
	}
	if r.Snapshot != nil {
		out.members, out.emitted, out.settled, out.restore = r.Snapshot.Members, r.Snapshot.Index, r.Snapshot.Term, r.Snapshot
	}
	out.guard("start", func() { err = out.start() })
	if err == nil && out.failed != "" {
		err = errors.New(out.failed)
	}
	if err != nil {
		return nil, fmt.Errorf("consensus: %w", err)
	}
	return out, nil
}

func (r *Replica) start() error {
	rn, err := raft.NewRawNode(&raft.Config{
		ID:                        r.cfg.ID,
		ElectionTick:              r.cfg.ElectionTicks,
		HeartbeatTick:             r.cfg.HeartbeatTicks,
		Storage:                   r.log,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             appendBytesMax,
		MaxCommittedSizePerReady:  committedBytesMax,
		MaxUncommittedEntriesSize: uncommittedBytesMax,
		MaxInflightMsgs:           inflightMessagesMax,
		MaxInflightBytes:          inflightBytesMax,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		Logger:                    quiet{},
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
	})
	r.rn = rn
	return err
}

// guard runs a call into the library. A panic in it, of which the library has about forty by design, ends the replica and not the
// process: whatever was about to leave is thrown away, since it may rest on broken state.
func (r *Replica) guard(what string, call func()) {
	if r.failed != "" {
		return
	}
	r.stirred = true
	defer func() {
		if p := recover(); p != nil {
			r.fail(fmt.Sprintf("%s: %v", what, p))
		}
	}()
	call()
}

func (r *Replica) fail(reason string) {
	r.failed = reason
	r.outbox, r.restore, r.own = nil, nil, nil
	r.writing, r.applying = nil, nil
	clear(r.transfers)
	clear(r.incoming.bySender)
}

func (r *Replica) err() error {
	if r.failed == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrFailed, r.failed)
}

// Tick moves raft's time on by one unit.
func (r *Replica) Tick() {
	r.guard("tick", func() {
		r.ticks++
		r.rn.Tick()
		if r.stalled() && r.rn.BasicStatus().RaftState == raft.StateLeader {
			r.stepDown()
		}
		r.tickTransfers()
		if patience := uint64(assemblyPatience * r.cfg.ElectionTicks); r.ticks > patience {
			r.incoming.expire(r.ticks - patience)
		}
	})
}

// stalled says that the disk has left the oldest Append unanswered for more than an election timeout.
func (r *Replica) stalled() bool {
	return len(r.writing) > 0 && r.ticks-r.writing[0].tick > uint64(r.cfg.ElectionTicks)
}

// stepDown gives leadership up. The library has no call for that, but a quorum check that finds all others silent does it, and the
// first of two checks in a row marks them so. A sole voter stays leader, as nobody else could be.
func (r *Replica) stepDown() {
	for range 2 {
		// A quorum check is a local message and cannot fail.
		_ = r.rn.Step(&raftpb.Message{Type: raftpb.MsgCheckQuorum.Enum(), From: new(raft.LocalAppendThread)})
	}
}

// Campaign asks for an election now instead of after the timeout; a founder uses it to lead at once.
func (r *Replica) Campaign() error {
	var err error
	r.guard("campaign", func() { err = r.rn.Campaign() })
	return errors.Join(err, r.err())
}

// Propose offers an entry to the log. A nil error promises nothing but that the leader has taken it: the entry is in when it comes
// out as committed, and may come out twice or never, so that the state machine tells repeats by an id inside the data.
func (r *Replica) Propose(data []byte) error {
	switch {
	case r.failed != "":
		return r.err()
	case len(data) == 0:
		return ErrEmpty
	case len(data) > ProposalBytesMax:
		return fmt.Errorf("proposal of %d bytes, limit %d: %w", len(data), ProposalBytesMax, ErrTooLarge)
	case !r.leads():
		return ErrNotLeader
	}
	var err error
	r.guard("propose", func() { err = r.rn.Propose(data) })
	if errors.Is(err, raft.ErrProposalDropped) {
		err = ErrDropped
	}
	return errors.Join(err, r.err())
}

// ChangeVoters proposes one change of members. It is refused with ErrPending while an earlier one, or the first entry of the
// leader's own term, is not yet applied: only then do any two majorities in use meet.
func (r *Replica) ChangeVoters(c Change) error {
	switch {
	case r.failed != "":
		return r.err()
	case !r.leads():
		return ErrNotLeader
	case r.pending():
		return ErrPending
	}
	if _, err := applyChange(r.members, c); err != nil {
		return err
	}
	data, err := encodeChange(c)
	if err != nil {
		return fmt.Errorf("encode %s: %w", c, err)
	}
	m := &raftpb.Message{
		Type: raftpb.MsgProp.Enum(), From: new(r.cfg.ID),
		Entries: []*raftpb.Entry{{Type: raftpb.EntryConfChange.Enum(), Data: data}},
	}
	r.guard("change voters", func() { err = r.rn.Step(m) })
	switch {
	case r.failed != "":
		return r.err()
	case errors.Is(err, raft.ErrProposalDropped):
		return ErrDropped
	case err != nil:
		return err
	case m.GetEntries()[0].GetType() != raftpb.EntryConfChange:
		// The library replaces a change that it finds too early by an empty entry.
		return ErrPending
	}
	r.changeTerm = r.rn.BasicStatus().GetTerm()
	return nil
}

// Transfer hands leadership over to another voter, without the wait of an election.
func (r *Replica) Transfer(to uint64) error {
	if r.failed != "" {
		return r.err()
	}
	if !r.leads() {
		return ErrNotLeader
	}
	r.guard("transfer", func() { r.rn.TransferLeader(to) })
	return r.err()
}

// ReportUnreachable says that a frame to the installation could not even be published.
func (r *Replica) ReportUnreachable(id uint64) {
	r.guard("report unreachable", func() { r.rn.ReportUnreachable(id) })
}

// ReportSnapshotLost says that pieces of a snapshot could not be published; raft tries again without waiting for the timeout.
func (r *Replica) ReportSnapshotLost(id uint64) {
	r.guard("report snapshot", func() {
		if _, ok := r.transfers[id]; ok {
			delete(r.transfers, id)
			r.rn.ReportSnapshot(id, raft.SnapshotFailure)
		}
	})
}

func (r *Replica) leads() bool { return r.rn.BasicStatus().RaftState == raft.StateLeader }

// pending says whether a change of voters would be too early.
func (r *Replica) pending() bool {
	term := r.rn.BasicStatus().GetTerm()
	return r.changeTerm == term || r.settled != term || len(r.applying) > 0
}

// queue puts a frame to another installation into the outbox.
func (r *Replica) queue(to uint64, kind byte, body []byte) {
	r.stirred = true
	data := encodeFrame(envelope{kind: kind, cluster: r.tag, from: r.cfg.ID, to: to, body: body})
	r.outbox = append(r.outbox, Frame{To: to, Data: data})
}
