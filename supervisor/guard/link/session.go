// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

// errProtocol says that the guard speaks another protocol.
var errProtocol = errors.New("the guard speaks another protocol")

// session is one connection.
type session struct {
	link  *Link
	conn  *wire.Conn[wire.FromGuard, wire.ToGuard]
	heard chan heard
	met   bool // the guard has said who it is
	pid   int  // of the guard

	told dialogue.Told
}

// heard is what the guard said, or why it says no more.
type heard struct {
	msg wire.FromGuard
	err error
}

// serve tells and hears until the connection or the context ends.
func (s *session) serve(ctx context.Context) error {
	pid, err := peer(s.conn.Conn)
	if err != nil {
		return errors.Join(err, s.conn.Close())
	}
	s.pid = pid
	over := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() { s.read(over) })
	defer reading.Wait()
	defer func() { _ = s.conn.Close() }() // a unix socket has nothing to flush
	defer close(over)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case h := <-s.heard:
			if h.err != nil {
				return h.err
			}
			if err := s.hear(h.msg); err != nil {
				return err
			}
		case <-s.link.changed:
		}
		if err := s.tell(); err != nil {
			return err
		}
	}
}

// read passes on what the guard says.
func (s *session) read(over <-chan struct{}) {
	for {
		err := s.conn.SetReadDeadline(time.Now().Add(SilentMax))
		var msg wire.FromGuard
		if err == nil {
			msg, err = s.conn.Receive()
		}
		select {
		case s.heard <- heard{msg, err}:
		case <-over:
			return
		}
		if err != nil {
			return
		}
	}
}

// hear takes in what the guard said.
func (s *session) hear(msg wire.FromGuard) error {
	l := s.link
	l.child.reap() // one that found another guard at its place
	switch {
	case msg.Hello != nil:
		if msg.Hello.Protocol != wire.Protocol {
			return fmt.Errorf("%w: %d, and this program %d", errProtocol, msg.Hello.Protocol, wire.Protocol)
		}
		s.met = true
		l.last = Report{Connected: true, Guard: *msg.Hello}
		l.Log.Info().Int("pid", s.pid).Str("gate", msg.Hello.Class).Str("why", msg.Hello.Why).Strs("lacks", msg.Hello.Lacks).Msg("connected to the guard")
	case msg.Status != nil && s.met:
		l.last.Status = *msg.Status
		s.told.Heard(*msg.Status)
		l.Report(l.last)
	case msg.Bye == wire.ByeNewer:
		return errReplaced
	case msg.Bye != "":
		return fmt.Errorf("the guard says: %s", msg.Bye)
	}
	return nil
}

// tell tells the guard what is wanted, as far as it does not know. What was taken for told and did not arrive ends the connection.
func (s *session) tell() error {
	if !s.met {
		return nil
	}
	var msg wire.ToGuard
	switch ev := s.told.Next(s.link.wanted(), bootclock.Now()).(type) {
	case guard.Order:
		msg.Order = &ev
	case guard.Extend:
		msg.Extend = &ev
	default:
		return nil
	}
	if err := s.conn.Send(msg); err != nil {
		return fmt.Errorf("tell the guard: %w", err)
	}
	return nil
}

// unfit tells why a guard has to be replaced after a session that ended so, if it has.
func (s *session) unfit(err error) string {
	switch {
	case s.pid == 0:
		return ""
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("it said nothing for %s, or did not listen", SilentMax)
	case errors.Is(err, errProtocol), errors.Is(err, wire.ErrFrame):
		return err.Error()
	default:
		return ""
	}
}
