// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// probeOnce carries out one probe of a spec whose times do not matter.
func probeOnce(t *testing.T, spec Spec) outcome {
	t.Helper()
	spec.Interval, spec.Judge = time.Second, easy
	if spec.Timeout == 0 {
		spec.Timeout = patience
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := newProber(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), spec.Timeout)
	defer cancel()
	o := p.once(ctx)
	o.reason = o.result(ctx, spec.Timeout, hint{}).Reason

	return o
}

// at fills in the address of a test server.
func at(t *testing.T, spec Spec, address string) Spec {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	spec.Address = u.Hostname()
	if spec.Port, err = strconv.Atoi(u.Port()); err != nil {
		t.Fatal(err)
	}

	return spec
}

// check compares an outcome with what is wanted: whether it succeeded, and words that its reason contains.
func check(t *testing.T, got outcome, ok bool, words string) {
	t.Helper()
	if got.ok != ok || !strings.Contains(got.reason, words) {
		t.Errorf("ok %t: %s; want ok %t: …%s…", got.ok, got.reason, ok, words)
	}
}

func TestTCP(t *testing.T) {
	l := listen(t)
	spec := at(t, Spec{TCP: &TCP{}}, "tcp://"+l.Addr().String())
	check(t, probeOnce(t, spec), true, "connected to 127.0.0.1:")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o := probeOnce(t, spec)
	check(t, o, false, "connection refused by 127.0.0.1:")
	if !o.refused {
		t.Error("a closed port is not seen as refusing")
	}
}

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "host=%s x=%s agent=%s method=%s", r.Host, r.Header.Get("X-Check"), r.UserAgent(), r.Method)
	})
	mux.HandleFunc("/sick", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat(".", maxBody) + "needle"))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("partial"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	for _, c := range []struct {
		name  string
		http  HTTP
		ok    bool
		words string
	}{
		{"plain", HTTP{Path: "/ok"}, true, "HTTP 200"},
		{"missing page", HTTP{}, false, "HTTP 404, want 200-399"},
		{"head", HTTP{Path: "/ok", Method: "HEAD"}, true, "HTTP 200"},
		{"headers", HTTP{
			Path: "/ok", Host: "www.example.org", Headers: map[string]string{"X-Check": "1"},
			Contains: "host=www.example.org x=1 agent=evenkeel-probe method=GET",
		}, true, "HTTP 200"},
		{"sick", HTTP{Path: "/sick"}, false, "HTTP 503, want 200-399"},
		{"sick is right", HTTP{Path: "/sick", Status: "503"}, true, "HTTP 503"},
		{"redirect is an answer", HTTP{Path: "/moved"}, true, "HTTP 302"},
		{"redirect is not wanted", HTTP{Path: "/moved", Status: "200"}, false, "HTTP 302, want 200"},
		{"redirect is followed", HTTP{Path: "/moved", Status: "200", Redirects: 1}, true, "HTTP 200"},
		{"redirects are bounded", HTTP{Path: "/loop", Status: "200", Redirects: 3}, false, "HTTP 302, want 200"},
		{"body lacks text", HTTP{Path: "/ok", Contains: "healthy"}, false, `"healthy" is not in the first`},
		{"body matches", HTTP{Path: "/ok", Matches: "^host=.* method=GET$"}, true, "HTTP 200"},
		{"body does not match", HTTP{Path: "/ok", Matches: "^x"}, false, "/^x/ does not match"},
		{"body is bounded", HTTP{Path: "/late", Contains: "needle"}, false, "first 65536 bytes"},
		{"endless body", HTTP{Path: "/endless", Contains: "needle"}, false, "first 65536 bytes"},
		{"endless body, not read", HTTP{Path: "/endless"}, true, "HTTP 200"},
		{"short body", HTTP{Path: "/short", Contains: "partial"}, true, "HTTP 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, probeOnce(t, at(t, Spec{HTTP: &c.http}, server.URL)), c.ok, c.words)
		})
	}
}

// TestHang asks a server that accepts and never answers: only the timeout ends that.
func TestHang(t *testing.T) {
	l := listen(t)
	spec := at(t, Spec{HTTP: &HTTP{}, Timeout: 50 * time.Millisecond}, "http://"+l.Addr().String())
	o := probeOnce(t, spec)
	check(t, o, false, "no answer within 50ms")
	if o.refused {
		t.Error("a hanging server is seen as refusing")
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := func(tls TLS) Spec { return at(t, Spec{HTTP: &HTTP{TLS: &tls, Contains: "hello"}}, server.URL) }
	check(t, probeOnce(t, spec(TLS{CAFile: ca})), true, "HTTP 200")
	check(t, probeOnce(t, spec(TLS{CAFile: ca, ServerName: "example.com"})), true, "HTTP 200")
	check(t, probeOnce(t, spec(TLS{CAFile: ca, ServerName: "other.test"})), false, "certificate is valid for example.com")
	check(t, probeOnce(t, spec(TLS{})), false, "unknown authority")
	check(t, probeOnce(t, spec(TLS{SkipVerify: true})), true, "HTTP 200")

	if _, err := newProber(spec(TLS{CAFile: "/nonexistent"}), nil); err == nil {
		t.Error("a CA file that does not exist was accepted")
	}
	if err := os.WriteFile(ca, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newProber(spec(TLS{CAFile: ca}), nil); err == nil {
		t.Error("a CA file without a certificate was accepted")
	}
}

func sh(script string) Spec {
	return Spec{Exec: &Exec{Command: []string{"/bin/sh", "-c", script}}}
}

func TestExec(t *testing.T) {
	check(t, probeOnce(t, sh("echo all is; echo well >&2")), true, "all is well")
	check(t, probeOnce(t, sh("echo '  no   disk '; exit 2")), false, "exit status 2: no disk")
	check(t, probeOnce(t, sh("exit 3")), false, "exit status 3")
	check(t, probeOnce(t, Spec{Exec: &Exec{Command: []string{"/nonexistent"}}}), false, "no such file")

	env := sh("env | sort | tr '\\n' ' '")
	env.Exec.Env = []string{"A=1"}
	t.Setenv("SECRET", "x")
	if o := probeOnce(t, env); !strings.HasPrefix(o.reason, "A=1 LC_ALL=C PATH=/usr/local/sbin:") || strings.Contains(o.reason, "SECRET") {
		t.Errorf("environment %q", o.reason)
	}

	// A chatty command is not blocked, and does not grow the reason.
	o := probeOnce(t, sh("head -c 1000000 /dev/zero | tr '\\0' x; printf '\\033'"))
	if !o.ok || len(o.reason) > maxReason+len("…") {
		t.Errorf("ok %t, %d bytes", o.ok, len(o.reason))
	}
}

// ended tells whether a process is gone, or dead and not yet reaped by whoever adopted it.
func ended(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// TestExecTimeout says that the timeout ends what the command has started, too.
func TestExecTimeout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	spec := sh("sleep 1000 & echo $! > " + file + "; wait")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome, 1)
	go func() { done <- execProber{spec: *spec.Exec}.once(ctx) }()
	var pid string
	eventually(t, "the grandchild runs", func() bool {
		text, err := os.ReadFile(file)
		pid = strings.TrimSpace(string(text))
		return err == nil && pid != ""
	})
	cancel()
	check(t, <-done, false, "signal: killed")
	eventually(t, "the grandchild ended", func() bool { return ended(pid) })

	spec.Timeout = 100 * time.Millisecond
	check(t, probeOnce(t, spec), false, "no answer within 100ms")
}

// TestExecLeavesNothing says that a command which succeeds but leaves something behind that holds its output fails,
// and that what it left is ended.
func TestExecLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	check(t, probeOnce(t, sh("sleep 1000 & echo $! > "+file)), false, "left processes behind")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was left ended", func() bool { return ended(strings.TrimSpace(string(text))) })
}
