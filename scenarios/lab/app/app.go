// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// NodeHeader is the response header that names the node that answered.
const NodeHeader = "X-Node"

const (
	// maxDelay bounds what a request may ask for with "?delay=".
	maxDelay = time.Minute
	// shutdownGrace bounds the wait for requests in flight when the application stops.
	shutdownGrace = 5 * time.Second
	// headerTimeout bounds the wait for a request's header.
	headerTimeout = 10 * time.Second
)

// Options configure the application.
type Options struct {
	// Node is what the application answers as.
	Node string
	// Log takes start, stop and changes of health.
	Log zerolog.Logger
}

// state is how the application answers.
type state string

const (
	healthy state = "healthy"
	failing state = "failing" // it answers, and says that it is not healthy
	broken  state = "broken"  // it answers with errors
)

type server struct {
	opts     Options
	requests atomic.Int64
	inFlight atomic.Int64
	state    atomic.Pointer[state]
}

// Serve answers on addr until ctx ends, and then until the requests in flight are done, at most 5 s:
//
//	/        the node's name and counters as one line of text, after "?delay=200ms" if asked (up to 1 min)
//	/health  200, or 503 after /fail
//	/fail    makes /health fail from now on
//	/break   makes all of the above fail with 500 from now on
//	/ok      ends either
func Serve(ctx context.Context, addr string, opts Options) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return serveOn(ctx, listener, opts)
}

func serveOn(ctx context.Context, listener net.Listener, opts Options) error {
	s := &server{opts: opts}
	s.state.Store(new(healthy))
	srv := &http.Server{Handler: s.handler(), ReadHeaderTimeout: headerTimeout}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	opts.Log.Info().Str("node", opts.Node).Stringer("addr", listener.Addr()).Msg("app: serving")
	select {
	case err := <-served:
		return fmt.Errorf("app: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	if errServe := <-served; !errors.Is(errServe, http.ErrServerClosed) {
		err = errors.Join(err, errServe)
	}
	if err != nil {
		return fmt.Errorf("app: stop: %w", err)
	}
	opts.Log.Info().Str("node", opts.Node).Msg("app: stopped")
	return nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.unlessBroken(s.root))
	mux.HandleFunc("/health", s.unlessBroken(s.health))
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) { s.become(w, failing) })
	mux.HandleFunc("/break", func(w http.ResponseWriter, _ *http.Request) { s.become(w, broken) })
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { s.become(w, healthy) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(NodeHeader, s.opts.Node)
		mux.ServeHTTP(w, r)
	})
}

func (s *server) unlessBroken(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if *s.state.Load() == broken {
			s.write(w, http.StatusInternalServerError, string(broken)+"\n")
			return
		}
		serve(w, r)
	}
}

func (s *server) root(w http.ResponseWriter, r *http.Request) {
	requests := s.requests.Add(1)
	inFlight := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	if text := r.URL.RawQuery; text != "" {
		if !s.delay(w, r) {
			return
		}
	}
	body := fmt.Sprintf("%s answers: request %d, %d in flight\n", s.opts.Node, requests, inFlight)
	s.write(w, http.StatusOK, body)
}

// delay sleeps as long as the request asks for, and says whether it is still worth an answer.
func (s *server) delay(w http.ResponseWriter, r *http.Request) bool {
	text := r.URL.Query().Get("delay")
	if text == "" {
		return true
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDelay {
		s.write(w, http.StatusBadRequest, fmt.Sprintf("delay %q: want a duration up to %s\n", text, maxDelay))
		return false
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if *s.state.Load() == failing {
		s.write(w, http.StatusServiceUnavailable, string(failing)+"\n")
		return
	}
	s.write(w, http.StatusOK, "healthy\n")
}

func (s *server) become(w http.ResponseWriter, now state) {
	s.state.Store(&now)
	s.opts.Log.Info().Str("node", s.opts.Node).Str("health", string(now)).Msg("app: health changed")
	s.write(w, http.StatusOK, string(now)+"\n")
}

// write answers with a length, so that a client can tell a cut answer from a whole one.
func (s *server) write(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write([]byte(body)); err != nil { //nolint:gosec // plain text, as the header says
		s.opts.Log.Debug().Err(err).Str("node", s.opts.Node).Msg("app: the client went away")
	}
}
