// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

// stepReader decodes steps.
type stepReader struct {
	memory
	rules *image.Rules
	body
}

func newStepReader(at time.Time) *stepReader {
	return &stepReader{memory: newMemory(at), rules: rulesOfInput()}
}

func (r *stepReader) decode(b []byte) (step, error) {
	r.left = b
	var s step
	var err error
	if s.now, r.ref, err = r.time(r.ref); err != nil {
		return s, err
	}
	head, err := r.uint()
	if err != nil {
		return s, err
	}
	if head&1 == 1 {
		draws, err := r.bytes()
		if err != nil {
			return s, err
		}
		s.draws = bytes.Clone(draws)
	}
	if head>>1 > uint64(len(r.left)) {
		return s, fmt.Errorf("%w: %d inputs in %d bytes", errBody, head>>1, len(r.left))
	}
	for range head >> 1 {
		in, err := r.input()
		if err != nil {
			return s, err
		}
		s.inputs = append(s.inputs, in)
	}
	sum, err := r.take(3)
	if err != nil || len(r.left) > 0 {
		return s, fmt.Errorf("%w: it does not end where it should", errBody)
	}
	s.sum = uint32(sum[0]) | uint32(sum[1])<<8 | uint32(sum[2])<<16
	return s, nil
}

func (r *stepReader) input() (core.Input, error) {
	kind, err := r.uint()
	if err != nil {
		return nil, err
	}
	switch kind {
	case heardFirst:
		return r.first()
	case heardNext, heardBeat:
		return r.next(kind)
	case storedInput:
		return core.Stored{}, nil
	case submitInput:
		return r.submitted()
	case rareInput:
		var in rare
		left, err := r.rules.Read(r.left, reflect.ValueOf(&in))
		if err != nil {
			return nil, err
		}
		if r.left = left; in.Input == nil {
			return nil, fmt.Errorf("%w: no input", errBody)
		}
		return in.Input, nil
	}
	return nil, fmt.Errorf("%w: input of kind %d", errBody, kind)
}

func (r *stepReader) submitted() (core.Input, error) {
	data, err := r.bytes()
	if err != nil {
		return nil, err
	}
	var in core.Submit
	if in.Command, err = cluster.DecodeCommand(data); err != nil {
		return nil, err
	}
	in.Until, _, err = r.time(r.ref)
	return in, err
}

func (r *stepReader) first() (core.Input, error) {
	var names [2]string
	var numbers [3]uint64
	for i := range names {
		b, err := r.bytes()
		if err != nil {
			return nil, err
		}
		names[i] = string(b)
	}
	for i := range numbers {
		var err error
		if numbers[i], err = r.uint(); err != nil {
			return nil, err
		}
	}
	env := bus.Envelope{Cluster: names[0], From: names[1], Install: numbers[0], Boot: numbers[1], Seq: numbers[2]}
	in, err := r.message(env)
	if err == nil {
		r.remember(in.Envelope, in.Body)
	}
	return in, err
}

func (r *stepReader) next(kind uint64) (core.Input, error) {
	i, err := r.uint()
	if err != nil {
		return nil, err
	}
	if i >= uint64(len(r.senders)) {
		return nil, fmt.Errorf("%w: a sender that was never heard", errBody)
	}
	s := r.senders[i]
	later, err := r.int()
	if err != nil {
		return nil, err
	}
	s.seq += uint64(later)
	env := bus.Envelope{Cluster: s.cluster, From: s.from, Install: s.install, Boot: s.boot, Seq: s.seq}
	if kind == heardBeat {
		return r.beat(env, s)
	}
	in, err := r.message(env)
	if beat, ok := in.Body.(*bus.Heartbeat); ok && err == nil {
		s.beat = beat
	}
	return in, err
}

func (r *stepReader) message(env bus.Envelope) (core.Heard, error) {
	kind, err := r.uint()
	if err != nil {
		return core.Heard{}, err
	}
	payload, err := r.bytes()
	if err != nil {
		return core.Heard{}, err
	}
	env.Kind = bus.Kind(kind)
	said, err := bus.DecodeBody(env.Kind, bytes.Clone(payload))
	if err != nil {
		return core.Heard{}, fmt.Errorf("%w: %w", errBody, err)
	}
	at, _, err := r.time(r.ref)
	return core.Heard{Envelope: env, Body: said, At: at}, err
}

// beat reads a heartbeat as what differs from the one before.
func (r *stepReader) beat(env bus.Envelope, s *sender) (core.Input, error) {
	if s.beat == nil {
		return nil, fmt.Errorf("%w: a heartbeat like none before", errBody)
	}
	hb := ownBeat(s.beat)
	applied, err := r.int()
	if err != nil {
		return nil, err
	}
	sent, err := r.int()
	if err != nil {
		return nil, err
	}
	hb.Applied += uint64(applied)
	hb.SentUnixMs += sent
	for i := range hb.Seen {
		later, err := r.int()
		if err != nil {
			return nil, err
		}
		hb.Seen[i].Seq += uint64(later)
	}
	at, _, err := r.time(r.ref)
	env.Kind, s.beat = bus.KindHeartbeat, &hb
	return core.Heard{Envelope: env, Body: &hb, At: at}, err
}

// ownBeat returns a heartbeat that shares nothing with the one before, as those that come over the bus.
func ownBeat(of *bus.Heartbeat) bus.Heartbeat {
	hb := *of
	hb.Seen, hb.Members, hb.Rails, hb.Balancers = slices.Clone(hb.Seen), slices.Clone(hb.Members), slices.Clone(hb.Rails), slices.Clone(hb.Balancers)
	for i := range hb.Balancers {
		hb.Balancers[i].Servers = slices.Clone(hb.Balancers[i].Servers)
	}
	return hb
}
