// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Step takes a frame from the installation that the bus authenticated as its sender. Any bytes are safe: what is malformed,
// misdirected, of another cluster or absurd is refused with an error and changes nothing. A well-formed frame that contradicts
// the log (the library panics on it) fails the replica, which is then ErrFailed for ever.
func (r *Replica) Step(from uint64, frame []byte) error {
	if r.failed != "" {
		return r.err()
	}
	e, err := decodeFrame(frame)
	if err != nil {
		return err
	}
	switch {
	case e.cluster != r.tag:
		return ErrOtherCluster
	case e.to != r.cfg.ID:
		return fmt.Errorf("%w: to %x, here is %x", ErrElsewhere, e.to, r.cfg.ID)
	case e.from != from || !validID(from) || from == r.cfg.ID:
		return fmt.Errorf("%w: from %x, sent by %x", ErrMisdirected, e.from, from)
	}
	if e.kind == frameChunk {
		return r.stepChunk(from, e.body)
	}
	m, err := decodeMessage(e.body)
	if err != nil {
		return err
	}
	if m.GetTo() != r.cfg.ID || m.GetFrom() != from {
		return fmt.Errorf("%w: message from %x to %x inside", ErrMisdirected, m.GetFrom(), m.GetTo())
	}
	return r.stepMessage(m)
}

func (r *Replica) stepChunk(from uint64, body []byte) error {
	c, err := decodeChunk(body)
	if err != nil {
		return err
	}
	if err := r.checkTerm(c.leaderTerm); err != nil {
		return err
	}
	whole, err := r.incoming.add(from, c, r.ticks)
	if whole == nil || err != nil {
		return err
	}
	var s Snapshot
	if err := s.UnmarshalBinary(whole); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if s.Index != c.index || s.Term != c.term {
		return fmt.Errorf("%w: snapshot at %d inside of one at %d", ErrFrame, s.Index, c.index)
	}
	return r.stepMessage(&raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: new(from), To: new(r.cfg.ID), Term: new(c.leaderTerm),
		Snapshot: wrapSnapshot(&s, whole),
	})
}

func (r *Replica) stepMessage(m *raftpb.Message) error {
	if err := r.checkTerm(m.GetTerm()); err != nil {
		return err
	}
	// A leader never sends what it has not handed to the disk as well. A former leader of the same term, who crashed and forgot
	// what was not yet durable, may well be told more than it knows, and ignores it.
	s := r.rn.BasicStatus()
	if m.GetType() == raftpb.MsgAppResp && !m.GetReject() && m.GetIndex() > r.lastIndex &&
		m.GetTerm() == s.GetTerm() && s.RaftState == raft.StateLeader {
		return fmt.Errorf("%w: %x acknowledges entry %d, the log ends at %d", ErrFrame, m.GetFrom(), m.GetIndex(), r.lastIndex)
	}
	var err error
	r.guard("step "+m.GetType().String(), func() { err = r.rn.Step(m) })
	switch {
	case r.failed != "":
		return r.err()
	case errors.Is(err, raft.ErrStepPeerNotFound), errors.Is(err, raft.ErrProposalDropped):
		// An answer of someone who was removed meanwhile.
		return nil
	default:
		return err
	}
}

// checkTerm refuses terms that no honest cluster reaches; accepting one would make the true leader step down for ever.
func (r *Replica) checkTerm(term uint64) error {
	now := r.rn.BasicStatus().GetTerm()
	if term == 0 || term > TermMax || (now > 0 && term > now+TermJumpMax) {
		return fmt.Errorf("%w: %d, here is %d", ErrTermJump, term, now)
	}
	return nil
}
