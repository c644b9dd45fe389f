// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// The media types of event streams.
const (
	linesType = "application/x-ndjson"
	sseType   = "text/event-stream"
)

// events answers with what happened, and on request with what happens.
func (s *Server) events(w http.ResponseWriter, req *http.Request) {
	follow, failure := flag(req, "follow")
	if failure == nil {
		var since uint64
		if since, failure = sinceOf(req); failure == nil {
			accept := req.Header.Get("Accept")
			switch {
			case strings.Contains(accept, sseType): // EventSource reconnects when a stream ends, so it always follows
				s.stream(w, req, &sseStream{stream{w: w}}, since)
			case follow:
				s.stream(w, req, &lineStream{stream{w: w}}, since)
			default:
				s.past(w, req, since)
			}
			return
		}
	}
	s.fail(w, req, failure)
}

// sinceOf reads the index after which events are wanted. A browser that lost the
// stream says it in a header.
func sinceOf(req *http.Request) (uint64, *Error) {
	text := req.URL.Query().Get("since")
	if last := req.Header.Get("Last-Event-ID"); last != "" {
		text = last
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badRequest(fmt.Sprintf("since=%.40q is not the index of an event", text), "write a number, such as since=1042")
	}
	return n, nil
}

// past answers with the kept events and ends.
func (s *Server) past(w http.ResponseWriter, req *http.Request, since uint64) {
	ctx, cancel := context.WithCancel(req.Context())
	past, _ := s.source.Notices(ctx, since)
	cancel()
	if !strings.Contains(req.Header.Get("Accept"), linesType) {
		if past == nil {
			past = []cluster.Notice{}
		}
		s.write(w, req, http.StatusOK, past)
		return
	}
	out := &lineStream{stream{w: w}}
	out.begin()
	for _, n := range past {
		if err := out.notice(n); err != nil {
			s.opts.Log.Debug().Err(err).Msg("the reader of events went away")
			return
		}
	}
}

// streamer is one form of an event stream.
type streamer interface {
	begin()
	notice(cluster.Notice) error
	keepalive() error
	cut(*Error) error
}

// stream sends the kept events and then each new one, until the reader leaves.
func (s *Server) stream(w http.ResponseWriter, req *http.Request, out streamer, since uint64) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.fail(w, req, &Error{
			Status:  http.StatusServiceUnavailable,
			Message: fmt.Sprintf("%d event streams are open already, no more are served", streamsMax),
			Hint:    "close one of them",
		})
		return
	}
	control := http.NewResponseController(w)
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	// The server's own deadline is for requests; a reader of a stream says nothing more.
	err := control.SetReadDeadline(time.Time{})
	past, live := s.source.Notices(ctx, since)
	out.begin()
	for i := 0; i < len(past) && err == nil; i++ {
		if err = extend(control); err == nil {
			err = out.notice(past[i])
		}
	}
	quiet := time.NewTicker(s.quiet)
	defer quiet.Stop()
	for err == nil {
		if err = extend(control); err == nil {
			err = control.Flush()
		}
		if err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
			if err = extend(control); err == nil {
				err = out.keepalive()
			}
		case n, ok := <-live:
			if !ok {
				s.cut(ctx, control, out)
				return
			}
			if err = extend(control); err == nil {
				err = out.notice(n)
			}
		}
	}
	s.opts.Log.Debug().Err(err).Msg("the reader of events went away")
}

// cut tells a reader that was too slow why its stream ends.
func (s *Server) cut(ctx context.Context, control *http.ResponseController, out streamer) {
	if ctx.Err() != nil {
		return
	}
	err := extend(control)
	if err == nil {
		err = out.cut(&Error{
			Message: "the reader was too slow, so events were not kept for it",
			Hint:    "ask again with since= the index of the last event that you have",
		})
	}
	s.opts.Log.Warn().Err(err).Msg("a slow reader of events was cut off")
}

// stream is what both forms share.
type stream struct{ w http.ResponseWriter }

func (s stream) head(media string) {
	s.w.Header().Set("Content-Type", media)
	s.w.Header().Set("Cache-Control", "no-store")
	s.w.WriteHeader(http.StatusOK)
}

func (s stream) json(before string, v payload, after string) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	_, err = fmt.Fprintf(s.w, "%s%s%s", before, raw, after)
	return err
}

// lineStream is one JSON object a line.
type lineStream struct{ stream }

func (l *lineStream) begin()                        { l.head(linesType) }
func (l *lineStream) notice(n cluster.Notice) error { return l.json("", n, "\n") }
func (l *lineStream) keepalive() error              { return nil }
func (l *lineStream) cut(e *Error) error            { return l.json("", e, "\n") }

// sseStream is server-sent events, as in the HTML standard, section 9.2.
type sseStream struct{ stream }

func (e *sseStream) begin() { e.head(sseType) }

// notice gives committed events an id only: what one node noticed by itself has
// no place in the log to come back to.
func (e *sseStream) notice(n cluster.Notice) error {
	if n.Index == 0 {
		return e.json("data: ", n, "\n\n")
	}
	return e.json(fmt.Sprintf("id: %d\ndata: ", n.Index), n, "\n\n")
}

func (e *sseStream) keepalive() error {
	_, err := fmt.Fprint(e.w, ": still here\n\n")
	return err
}

func (e *sseStream) cut(failure *Error) error { return e.json("event: cut\ndata: ", failure, "\n\n") }
