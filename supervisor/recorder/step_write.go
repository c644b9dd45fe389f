// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

// stepWriter encodes steps.
type stepWriter struct {
	memory
	clock clock
	rare  *image.Writer
	out   []byte
}

func newStepWriter(at time.Time, c clock) *stepWriter {
	return &stepWriter{memory: newMemory(at), clock: c, rare: image.NewWriter(rulesOfInput())}
}

// encode returns the body of the step's record, which is good until the next call.
func (w *stepWriter) encode(s step) ([]byte, error) {
	var err error
	if w.out, w.ref, err = appendTime(w.out[:0], w.clock, s.now, w.ref); err != nil {
		return nil, err
	}
	head := uint64(len(s.inputs)) << 1
	if len(s.draws) > 0 {
		w.uint(head | 1)
		w.text(s.draws)
	} else {
		w.uint(head)
	}
	for _, in := range s.inputs {
		if err := w.input(in); err != nil {
			return nil, fmt.Errorf("%T: %w", in, err)
		}
	}
	w.out = append(w.out, byte(s.sum), byte(s.sum>>8), byte(s.sum>>16))
	return w.out, nil
}

func (w *stepWriter) uint(n uint64) { w.out = binary.AppendUvarint(w.out, n) }
func (w *stepWriter) int(n int64)   { w.out = binary.AppendUvarint(w.out, zigzag(n)) }
func (w *stepWriter) text(b []byte) { w.uint(uint64(len(b))); w.out = append(w.out, b...) }

// time adds a time relative to that of the step.
func (w *stepWriter) time(t time.Time) error {
	out, _, err := appendTime(w.out, w.clock, t, w.ref)
	if err == nil {
		w.out = out
	}
	return err
}

func (w *stepWriter) input(in core.Input) error {
	switch in := in.(type) {
	case core.Heard:
		return w.heard(in)
	case core.Stored:
		w.uint(storedInput)
		return nil
	case core.Submit:
		data, err := in.Command.Encode()
		if err != nil {
			return err
		}
		w.uint(submitInput)
		w.text(data)
		return w.time(in.Until)
	case core.Balanced, core.Born, core.Joined, core.Leave, core.Probed, core.Railed, core.Guarded:
		return w.seldom(in)
	}
	return fmt.Errorf("unknown input %T", in)
}

func (w *stepWriter) seldom(in core.Input) error {
	w.uint(rareInput)
	out, err := w.rare.Append(w.out, reflect.ValueOf(rare{in}))
	if err == nil {
		w.out = out
	}
	return err
}

func (w *stepWriter) heard(in core.Heard) error {
	i, s := w.of(in.Envelope)
	beat, _ := in.Body.(*bus.Heartbeat)
	if s != nil && beat != nil && s.beat != nil && in.Envelope.Kind == bus.KindHeartbeat && len(in.Envelope.Payload) == 0 && alike(beat, s.beat) {
		return w.beat(in, i, s)
	}
	payload, ok := payloadOf(in)
	if !ok {
		return w.seldom(in)
	}
	if s == nil {
		w.uint(heardFirst)
		w.text([]byte(in.Envelope.Cluster))
		w.text([]byte(in.Envelope.From))
		w.uint(in.Envelope.Install)
		w.uint(in.Envelope.Boot)
		w.uint(in.Envelope.Seq)
		w.remember(in.Envelope, in.Body)
		return w.message(in, payload)
	}
	w.sender(heardNext, i, s, in.Envelope)
	if beat != nil {
		s.beat = beat
	}
	return w.message(in, payload)
}

// sender adds who sent a message, whom we know.
func (w *stepWriter) sender(kind uint64, i int, s *sender, env bus.Envelope) {
	w.uint(kind)
	w.uint(uint64(i))
	w.int(int64(env.Seq - s.seq))
	s.seq = env.Seq
}

// beat adds a heartbeat as what differs from the one before.
func (w *stepWriter) beat(in core.Heard, i int, s *sender) error {
	beat, ok := in.Body.(*bus.Heartbeat)
	if !ok {
		return w.seldom(in)
	}
	w.sender(heardBeat, i, s, in.Envelope)
	w.int(int64(beat.Applied - s.beat.Applied))
	w.int(beat.SentUnixMs - s.beat.SentUnixMs)
	for j := range beat.Seen {
		w.int(int64(beat.Seen[j].Seq - s.beat.Seen[j].Seq))
	}
	s.beat = beat
	return w.time(in.At)
}

// message adds what a message says, and when it came.
func (w *stepWriter) message(in core.Heard, payload []byte) error {
	w.uint(uint64(in.Envelope.Kind))
	w.text(payload)
	return w.time(in.At)
}

// payloadOf returns the message as it came over the bus, or false when that would lose something.
func payloadOf(in core.Heard) ([]byte, bool) {
	if in.Body == nil || in.Envelope.Kind != in.Body.Kind() || len(in.Envelope.Payload) > 0 {
		return nil, false
	}
	if beat, ok := in.Body.(*bus.Heartbeat); ok {
		payload, err := bus.EncodeHeartbeat(*beat)
		return payload, err == nil && len(payload) <= bus.MaxPayload // a longer one would go without its words
	}
	payload, err := bus.EncodeBody(in.Body)
	return payload, err == nil
}

// alike tells whether two heartbeats differ only in what changes with every beat.
func alike(a, b *bus.Heartbeat) bool {
	return a.Epoch == b.Epoch && a.Revision == b.Revision && a.Leader == b.Leader && a.Leaving == b.Leaving && a.Version == b.Version &&
		slices.EqualFunc(a.Seen, b.Seen, func(x, y bus.Seen) bool { return x.Node == y.Node && x.Boot == y.Boot }) &&
		slices.Equal(a.Members, b.Members) && slices.Equal(a.Rails, b.Rails) &&
		slices.EqualFunc(a.Balancers, b.Balancers, func(x, y bus.BalancerHealth) bool {
			servers := slices.Equal(x.Servers, y.Servers)
			x.Servers, y.Servers = nil, nil
			return servers && reflect.DeepEqual(x, y)
		})
}
