// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"strconv"
)

// Limits of one frame, in bytes. A frame fits the default maximum payload of a NATS server (1 MiB), so the carrier needs no tuning and no chunking.
const (
	// MaxFrame bounds a sealed frame.
	MaxFrame = 1 << 20
	// MaxPayload bounds the payload of one envelope; the rest of MaxFrame is room for header, names and authentication code.
	MaxPayload = MaxFrame - 256
	// MaxCluster bounds a cluster id and a cluster name.
	MaxCluster = 64
	// MaxName bounds the name of a node, pool, member, balancer, backend, server or rail.
	MaxName = 128
)

// Errors that say why a frame or a payload was refused.
var (
	// ErrForeign means that the frame is not ours: wrong magic, wrong key, or altered on the way.
	ErrForeign = errors.New("foreign frame")
	// ErrVersion means that an authentic frame speaks another version of the encoding.
	ErrVersion = errors.New("unknown frame version")
	// ErrTooLarge means that a limit on size, length or number is exceeded.
	ErrTooLarge = errors.New("too large")
	// ErrMalformed means that an authentic frame or payload breaks the format.
	ErrMalformed = errors.New("malformed")
	// ErrKey means that a sealer has no usable key.
	ErrKey = errors.New("unusable bus key")
)

// Kind says what the payload of an envelope is.
type Kind uint8

// The kinds of payload. Zero is no kind; an unknown kind is delivered as it is, and the receiver ignores it.
const (
	KindHeartbeat Kind = iota + 1
	KindVote
	KindRaft
	KindProposal
)

// String returns the word for the kind that logs use.
func (k Kind) String() string {
	switch k {
	case KindHeartbeat:
		return "heartbeat"
	case KindVote:
		return "vote"
	case KindRaft:
		return "raft"
	case KindProposal:
		return "proposal"
	default:
		return "kind-" + strconv.Itoa(int(k))
	}
}

// Envelope is one message between nodes, with the identity of its sender. The receiver learns the destination from the subject, not from the envelope:
// a payload that is meant for one node alone has to name it.
type Envelope struct {
	// Cluster is the id of the sender's cluster, empty while it belongs to none; at most MaxCluster bytes.
	Cluster string
	// From is the sender's node name; at most MaxName bytes.
	From string
	// Install is the raft id of the sender's installation: a reinstalled node has another.
	Install uint64
	// Boot counts the sender's lives; it is persisted per installation and rises at each start.
	Boot uint64
	// Seq counts the sender's frames within one life, from 1.
	Seq uint64
	// Kind says how to read the payload.
	Kind Kind
	// Payload is the encoded message; at most MaxPayload bytes.
	Payload []byte
}

// Outgoing is a frame on its way out.
type Outgoing struct {
	// To is the node it is meant for; empty is every node.
	To string
	// Envelope is the message, complete.
	Envelope Envelope
}
