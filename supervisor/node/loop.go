// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// inboxBatch is how many inputs are given to the core at once, at most.
const inboxBatch = 256

// question is a look at the core, by somebody outside of the loop.
type question func(now time.Time, c *core.Core)

// loop feeds the core, one step at a time, and hands on what it asks for. What
// came together is given together: a thousand checks may answer in one moment.
func (n *Node) loop(ctx, shell context.Context) error {
	defer n.dismiss()
	clock := time.NewTimer(0)
	defer clock.Stop()
	armed, done := time.Time{}, ctx.Done()
	for {
		disk, next := n.nextJob()
		var inputs []core.Input
		select {
		case <-shell.Done():
			return nil
		case <-done:
			done = nil
			inputs = append(inputs, core.Leave{})
		case in := <-n.inbox:
			inputs = n.gather(inputs, in)
			runtime.Gosched() // who brings what came with it
		case disk <- next:
			n.toDisk = n.toDisk[1:]
		case <-clock.C:
			armed = time.Time{}
		}
		n.guard.Sample()
		now := time.Now()
		inputs = n.look(now, n.drain(inputs))
		n.recorder.Begin()
		out := n.core.Step(now, inputs...)
		n.recorder.Stepped(n.core, now, inputs, out)
		n.carryOut(out)
		if n.failure != nil {
			return n.failure
		}
		if n.core.Left(now) {
			return nil
		}
		if due := n.core.Due(); due != armed {
			clock.Reset(time.Until(due))
			armed = due
		}
	}
}

// drain takes what else is there already. What lies unread also speaks for the
// nodes that would be called silent.
func (n *Node) drain(inputs []core.Input) []core.Input {
	for len(inputs) < inboxBatch {
		select {
		case in := <-n.inbox:
			inputs = n.gather(inputs, in)
		default:
			return inputs
		}
	}
	return inputs
}

// gather adds an input for the core; a question is answered at once.
func (n *Node) gather(inputs []core.Input, in any) []core.Input {
	switch in := in.(type) {
	case question:
		in(time.Now(), n.core)
	case asking:
		n.asked[in.submit.Command.ID] = in.answer
		inputs = append(inputs, in.submit)
	case failed:
		n.fail(in.err)
	case core.Input:
		inputs = append(inputs, in)
	}
	return inputs
}

// levelOf is the level of a core's note in the log.
func levelOf(l core.Level) zerolog.Level {
	switch l {
	case core.Debug:
		return zerolog.DebugLevel
	case core.Info:
		return zerolog.InfoLevel
	case core.Warn:
		return zerolog.WarnLevel
	case core.Error:
	}
	return zerolog.ErrorLevel
}

// look tells the core about our rails, if anything about them changed.
func (n *Node) look(now time.Time, inputs []core.Input) []core.Input {
	if now.Before(n.core.Due()) {
		return inputs // they are looked at when the core looks at its clock
	}
	var rails []core.Rail
	for _, r := range n.bus.Rails() {
		rails = append(rails, core.Rail{
			Name: r.Name, Listen: r.Listen, Up: r.Up, Err: r.Err, Since: r.Since, Peers: r.Heard(now, n.cfg.Times.SuspectAfter),
		})
	}
	if slices.Equal(rails, n.rails) {
		return inputs
	}
	n.rails = rails
	return append(inputs, core.Railed{Rails: rails})
}

// carryOut hands on what the core asks for.
func (n *Node) carryOut(out core.Output) {
	n.fail(out.Err)
	n.send(out.Send)
	n.toDisk = append(n.toDisk, out.Disk...)
	if out.Until != n.until {
		n.until = out.Until
		n.balancers.Until(out.Until)
	}
	n.toGuard(out)
	if out.NewMembers {
		n.prober.Watch(out.Members)
	}
	if out.NewDuties {
		n.balancers.Do(out.Duties)
	}
	for _, a := range out.Answers {
		n.asked[a.ID] <- answer{a.Outcome, a.Err}
		delete(n.asked, a.ID)
	}
	n.tell(out)
}

// toGuard tells the guard what is new.
func (n *Node) toGuard(out core.Output) {
	h, news := n.hold.After(&out)
	if news {
		n.hold = h
		n.guard.Hold(h)
	}
}

// send sends what goes out in one step together, so that it shares the way.
func (n *Node) send(messages []core.Message) {
	var frames []bus.Outgoing
	for _, m := range messages {
		payload, err := bus.EncodeBody(m.Body)
		if err != nil {
			n.log.Error().Err(err).Stringer("kind", m.Envelope.Kind).Msg("a message could not be encoded")
			continue
		}
		m.Envelope.Payload = payload
		frames = append(frames, bus.Outgoing{To: m.To, Envelope: m.Envelope})
	}
	if len(frames) > 0 {
		n.bus.Send(frames...)
	}
}

// tell writes the log and feeds the readers of events.
func (n *Node) tell(out core.Output) {
	for _, note := range out.Notes {
		n.log.WithLevel(levelOf(note.Level)).Msg(note.Text)
	}
	for _, e := range out.Notices {
		n.log.Info().Str("event", e.Kind).Str("subject", e.Subject).Msg(e.Reason)
		n.hub.local(e)
	}
	var events []cluster.Event
	for _, e := range out.Events {
		level := levelOf(core.Info)
		if e.Old {
			level = levelOf(core.Debug)
		}
		n.log.WithLevel(level).Str("event", e.Kind).Str("subject", e.Subject).Str("from", e.From).Str("to", e.To).
			Uint64("index", e.Index).Uint64("epoch", e.Epoch).Msg(e.Reason)
		events = append(events, e.Event)
	}
	n.hub.committed(events)
}

// fail makes the loop end with the first error.
func (n *Node) fail(err error) {
	if n.failure == nil {
		n.failure = err
	}
}
