// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
)

// website is a real HTTP server that knows its connections.
type website struct {
	*httptest.Server

	requests atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]http.ConnState // those that are open
	made  int                         // how many there ever were
}

// startWebsite serves until the test ends. The configuration may be changed before it starts.
func startWebsite(t *testing.T, handler http.HandlerFunc, configure ...func(*httptest.Server)) *website {
	t.Helper()
	w := &website{conns: make(map[net.Conn]http.ConnState)}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		handler(rw, r)
	}))
	w.Config.ConnState = func(c net.Conn, state http.ConnState) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch state {
		case http.StateNew:
			w.made++
			w.conns[c] = state
		case http.StateClosed, http.StateHijacked:
			delete(w.conns, c)
		case http.StateActive, http.StateIdle:
			w.conns[c] = state
		}
	}
	for _, f := range configure {
		f(w.Server)
	}
	if w.TLS == nil {
		w.Start()
	} else {
		w.StartTLS()
	}
	t.Cleanup(w.Close)

	return w
}

// holds tells whether the open connections are these and no others.
func (w *website) holds(want ...http.ConnState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.conns) != len(want) {
		return false
	}
	count := make(map[http.ConnState]int)
	for _, state := range w.conns {
		count[state]++
	}
	for _, state := range want {
		count[state]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}

	return true
}

// accepted is how many connections there ever were.
func (w *website) accepted() int {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.made
}

// spec is a check of the website that waits for hints alone after the first probe.
func (w *website) spec(t *testing.T, h HTTP) Spec {
	t.Helper()
	if w.TLS != nil {
		h.TLS = &TLS{SkipVerify: true}
	}

	return at(t, Spec{
		Name: "site", HTTP: &h, Interval: never, Timeout: patience, Judge: easy, Watch: &Watch{Connection: true},
	}, w.URL)
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }

// overTLS makes a website speak TLS.
func overTLS(s *httptest.Server) { s.TLS = &tls.Config{MinVersion: tls.VersionTLS12} }

// TestVisitLeaves says of which probes the connection is kept.
func TestVisitLeaves(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", hello)
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/parts", func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = w.Write([]byte("part"))
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/sick", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/hello", http.StatusFound)
	})
	mux.HandleFunc("/bye", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat(".", 4*maxBody)))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	site := startWebsite(t, mux.ServeHTTP)
	for _, c := range []struct {
		name string
		http HTTP
		ok   bool
		left bool
	}{
		{"plain", HTTP{Path: "/hello"}, true, true},
		{"with a body", HTTP{Path: "/hello", Contains: "hello"}, true, true},
		{"head", HTTP{Path: "/hello", Method: http.MethodHead}, true, true},
		{"no content", HTTP{Path: "/empty"}, true, true},
		{"chunks", HTTP{Path: "/parts"}, true, true},
		{"a redirect that is the answer", HTTP{Path: "/moved"}, true, true},
		{"a redirect that is followed", HTTP{Path: "/moved", Redirects: 1}, true, false},
		{"a bad answer", HTTP{Path: "/sick"}, false, false},
		{"a server that closes", HTTP{Path: "/bye"}, true, false},
		{"more than is read", HTTP{Path: "/long"}, true, false},
		{"an endless answer", HTTP{Path: "/endless"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			served := make(chan *held, 1)
			p, err := newProber(site.spec(t, c.http), served)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second takes the place of the first
				o := p.once(t.Context())
				if o.ok != c.ok {
					t.Errorf("ok %t: %s", o.ok, o.reason)
				}
				if len(served) == 1 != c.left {
					t.Errorf("left %d connections, want one: %t", len(served), c.left)
				}
			}
			if c.left {
				eventually(t, "one connection is idle", func() bool { return site.holds(http.StateIdle) })
				h := <-served
				h.drop()
				h.drop() // does no harm
				<-h.ended
			}
			eventually(t, "no connection is left", func() bool { return site.holds() })
		})
	}
}

// TestShutdownIsPrompt says that a server which is watched by an HTTP check need not wait for the watcher, and that
// its end is seen at once all the same. It would wait for 5 s for a connection that has sent nothing.
func TestShutdownIsPrompt(t *testing.T) {
	for name, c := range map[string]struct {
		configure []func(*httptest.Server)
		interval  time.Duration
	}{
		"by hint alone": {nil, never},
		"polled":        {nil, 100 * time.Millisecond},
		"tls":           {[]func(*httptest.Server){overTLS}, never},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := startWebsite(t, hello, c.configure...)
			spec := site.spec(t, HTTP{Contains: "hello"})
			spec.Interval, spec.Judge.Fall = c.interval, 1000 // so that only proof counts
			changes := launch(t, spec)
			expect(t, changes, health.Up)
			eventually(t, "one idle connection is left", func() bool { return site.holds(http.StateIdle) })
			shutdownPromptly(t, site)
			if down := expect(t, changes, health.Down); !strings.HasPrefix(down.Reason, "proven: connection refused") {
				t.Errorf("reason %q", down.Reason)
			}
		})
	}
}

// shutdownPromptly stops a server gracefully, in less time than it would wait for a connection that has sent nothing.
func shutdownPromptly(t *testing.T, site *website) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := site.Config.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown waits for the watched connection: %v", err)
	}
}

// TestServedIsReplaced says that the watched connection is that of the latest probe, so that it is never old enough to
// be closed for idleness, and that replacing it is no hint.
func TestServedIsReplaced(t *testing.T) {
	const wanted = 10
	site := startWebsite(t, hello)
	spec := site.spec(t, HTTP{})
	spec.Interval = 50 * time.Millisecond
	expect(t, launch(t, spec), health.Up)
	eventually(t, "probes go on", func() bool { return site.requests.Load() >= wanted })
	eventually(t, "one connection is idle", func() bool { return site.holds(http.StateIdle) })
	// One is of the watcher, at the beginning, and one may have sent no request yet. Each hint would lead to one more.
	if made, asked := int64(site.accepted()), site.requests.Load(); made > asked+2 {
		t.Errorf("%d connections for %d requests", made, asked)
	}
}

// TestIdleTimeoutLeadsToBare watches a server that soon closes what was served, but has patience with what is bare: it
// costs one hint, and then nothing.
func TestIdleTimeoutLeadsToBare(t *testing.T) {
	site := startWebsite(t, hello, func(s *httptest.Server) { s.Config.IdleTimeout = 20 * time.Millisecond })
	changes := launch(t, site.spec(t, HTTP{}))
	expect(t, changes, health.Up)
	settled := func() bool { return site.requests.Load() == 3 && site.holds(http.StateNew) }
	eventually(t, "a bare connection is open after the two looks of the hint", settled)
	time.Sleep(300 * time.Millisecond)
	if !settled() {
		t.Errorf("%d requests, want 3", site.requests.Load())
	}
	// The bare one still tells of the end.
	site.CloseClientConnections()
	eventually(t, "the close is a hint", func() bool { return site.requests.Load() > 3 })
	select {
	case c := <-changes:
		t.Errorf("%s -> %s: %s", c.From, c.To, c.Reason)
	default:
	}
}
