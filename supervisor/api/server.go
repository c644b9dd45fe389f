// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"log" //nolint:depguard // net/http tells its errors to nothing else
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// Options say how the API is served.
type Options struct {
	Socket string // path of the unix socket
	Log    zerolog.Logger
}

// Server serves the API of one node.
type Server struct {
	source  Source
	opts    Options
	streams chan struct{} // one slot per open stream; a full house refuses
	read    time.Duration // readMax
	quiet   time.Duration // keepaliveEvery
}

// New returns a server that does not listen yet.
func New(source Source, opts Options) *Server {
	return &Server{
		source: source, opts: opts, streams: make(chan struct{}, streamsMax),
		read: readMax, quiet: keepaliveEvery,
	}
}

// Run listens and serves until ctx ends. It returns nil when it was stopped that
// way, and only after every request has been answered or cut off.
func (s *Server) Run(ctx context.Context) error {
	l, err := listen(ctx, s.opts.Socket)
	if err != nil {
		return err
	}
	s.opts.Log.Info().Str("socket", s.opts.Socket).Msg("the API listens")
	return s.serve(ctx, l)
}

func (s *Server) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: s.read,
		ReadTimeout:       s.read,
		WriteTimeout:      writeMax,
		IdleTimeout:       idleMax,
		MaxHeaderBytes:    headerMax,
		ErrorLog:          log.New(s.opts.Log, "", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx }, // streams end when the server does
		ConnContext:       withCaller,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopMax)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = server.Close()
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("stop the API: %w", err)
	}
	return nil
}

// handler routes requests. Every answer but a stream is JSON.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	routes := []struct {
		method, path string
		answer       func(*http.Request) (payload, *Error)
	}{
		{http.MethodGet, "/v1/status", s.status},
		{http.MethodGet, "/v1/spec", s.spec},
		{http.MethodGet, "/v1/version", s.version},
		{http.MethodPost, "/v1/apply", s.apply},
		{http.MethodPost, "/v1/nodes/{node}/mode", s.mode},
		{http.MethodPost, "/v1/pools/{pool}/members/{member}/admin", s.admin},
		{http.MethodPost, "/v1/resources/{resource}", s.resource},
	}
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) {
			s.answer(w, req, r.answer)
		})
		mux.HandleFunc(r.path, s.wrongMethod(r.method))
	}
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("/v1/events", s.wrongMethod(http.MethodGet))
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		s.fail(w, req, &Error{
			Status: http.StatusNotFound, Message: fmt.Sprintf("there is nothing at %.100q", req.URL.Path),
			Hint: "begin with GET /v1/status",
		})
	})
	return mux
}

func (s *Server) wrongMethod(right string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Allow", right)
		s.fail(w, req, &Error{
			Status:  http.StatusMethodNotAllowed,
			Message: fmt.Sprintf("%s does not answer %.20q", req.URL.Path, req.Method), Hint: "use " + right,
		})
	}
}

// extend gives the client another writeMax to read what comes next.
func extend(control *http.ResponseController) error {
	return control.SetWriteDeadline(time.Now().Add(writeMax))
}
