// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// step is one step of a core, as it is recorded.
type step struct {
	now    time.Time
	inputs []core.Input
	draws  []byte
	sum    uint32 // of all that the core has answered since the checkpoint; the lowest three bytes
}

// sumMask are the bits of a sum that are recorded: what differs once differs in every later step as well.
const sumMask = 1<<24 - 1

// The kinds of inputs in a record.
const (
	heardFirst  = iota + 1 // a message, with all that its envelope says
	heardNext              // a message of the life that was heard before
	heardBeat              // a heartbeat that differs from the one before only in numbers
	storedInput            // an append is durable: the oldest that was not yet
	submitInput
	rareInput
)

// sendersMax bounds the senders that are remembered; the messages of others are kept in full.
const sendersMax = 256

// sender is what was heard last of a node.
type sender struct {
	cluster, from      string
	install, boot, seq uint64
	beat               *bus.Heartbeat
}

// memory is what reader and writer of steps both remember of the steps before.
type memory struct {
	ref     stamp
	senders []*sender
	byName  map[string]int
}

func newMemory(at time.Time) memory {
	return memory{ref: stamp{wall: at.UnixNano()}, byName: map[string]int{}}
}

// of returns the sender of an envelope, if it was heard before in the same life.
func (m *memory) of(env bus.Envelope) (int, *sender) {
	i, ok := m.byName[env.From]
	if !ok {
		return 0, nil
	}
	s := m.senders[i]
	if s.cluster != env.Cluster || s.install != env.Install || s.boot != env.Boot {
		return i, nil
	}
	return i, s
}

// remember takes note of a message that was kept in full.
func (m *memory) remember(env bus.Envelope, b bus.Body) {
	beat, _ := b.(*bus.Heartbeat)
	s := &sender{env.Cluster, env.From, env.Install, env.Boot, env.Seq, beat}
	if i, ok := m.byName[env.From]; ok {
		m.senders[i] = s
		return
	}
	if len(m.senders) < sendersMax {
		m.byName[env.From] = len(m.senders)
		m.senders = append(m.senders, s)
	}
}
