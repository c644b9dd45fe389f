// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"fmt"
)

// ErrKind means that an envelope has a kind of payload that this version does not know.
var ErrKind = errors.New("unknown kind of payload")

// Body is what an envelope says, decoded. A body that was sent or received belongs to many: nobody may change it.
//
//sumtype:decl
type Body interface {
	// Kind is the kind of the envelope that carries it.
	Kind() Kind
	body()
}

// Raft is a frame of the replicated log, for one node.
type Raft []byte

// Proposal is an encoded command on its way to the leader.
type Proposal []byte

// Kind implements Body.
func (*Heartbeat) Kind() Kind { return KindHeartbeat }

// Kind implements Body.
func (*Vote) Kind() Kind { return KindVote }

// Kind implements Body.
func (Raft) Kind() Kind { return KindRaft }

// Kind implements Body.
func (Proposal) Kind() Kind { return KindProposal }

func (*Heartbeat) body() {}
func (*Vote) body()      {}
func (Raft) body()       {}
func (Proposal) body()   {}

// EncodeBody encodes a body as the payload of an envelope of its kind. A heartbeat that is over the limits goes without what only people read: a node
// must not fall silent for having much to say.
func EncodeBody(b Body) ([]byte, error) {
	switch b := b.(type) {
	case *Heartbeat:
		payload, err := EncodeHeartbeat(*b)
		if err == nil && len(payload) <= MaxPayload {
			return payload, nil
		}
		return EncodeHeartbeat(b.withoutWords())
	case *Vote:
		return EncodeVote(*b)
	case Raft:
		return b, nil
	case Proposal:
		return b, nil
	}
	return nil, fmt.Errorf("encode: %w", ErrKind)
}

// DecodeBody decodes the payload of an envelope. What it returns may share memory with the payload.
func DecodeBody(k Kind, payload []byte) (Body, error) {
	switch k {
	case KindHeartbeat:
		h, err := DecodeHeartbeat(payload)
		return &h, err
	case KindVote:
		v, err := DecodeVote(payload)
		return &v, err
	case KindRaft:
		return Raft(payload), nil
	case KindProposal:
		return Proposal(payload), nil
	}
	return nil, fmt.Errorf("decode %v: %w", k, ErrKind)
}

// withoutWords returns the heartbeat without reasons of members, and without the servers of balancers.
func (h *Heartbeat) withoutWords() Heartbeat {
	short := *h
	short.Balancers = make([]BalancerHealth, len(h.Balancers))
	for i, b := range h.Balancers {
		b.Servers = nil
		short.Balancers[i] = b
	}
	short.Members = make([]MemberHealth, len(h.Members))
	for i, m := range h.Members {
		m.Reason = ""
		short.Members[i] = m
	}
	return short
}
