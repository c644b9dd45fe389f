// SPDX-License-Identifier: Apache-2.0

package load_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/app"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
)

// TestMain makes the test binary the application as well, so that a test can kill it.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, app.Serve(context.Background(), os.Args[2], app.Options{Node: os.Args[3]}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// startApp runs the application as a process of its own and returns its URL.
func startApp(t testing.TB, node string) (*exec.Cmd, string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve", addr, node)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
			return cmd, "http://" + addr + "/"
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// run sends for a while and calls during meanwhile.
func run(t *testing.T, c *load.Client, d time.Duration, during func()) load.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if during != nil {
			during()
		}
	}()
	report, err := c.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	check(t, c, report)
	t.Log(report, "late", report.MaxLate)
	return report
}

// check verifies what holds for every finished run: each request is counted once, everywhere.
func check(t *testing.T, c *load.Client, r load.Report) {
	t.Helper()
	counters := c.Counters()
	if r.Pending != 0 || r.Sent != r.OK+r.Failed || int(counters.Sent) != r.Sent || int(counters.OK) != r.OK ||
		int(counters.Failed) != r.Failed || int(counters.Slow) != r.Slow || counters.Pending != 0 || r.Forgotten != 0 {
		t.Errorf("report %s does not fit counters %+v", r, counters)
	}
	failed := 0
	for kind, n := range r.Kinds {
		failed += n
		if int(counters.Kinds[kind]) != n {
			t.Errorf("%d %s, counters say %d", n, kind, counters.Kinds[kind])
		}
	}
	answers, perTarget, line := 0, 0, 0
	for _, s := range r.Servers {
		answers += s.Answers
		if int(counters.Servers[s.Name]) != s.Answers || s.Last.Before(s.First) {
			t.Errorf("%+v, counters say %d", s, counters.Servers[s.Name])
		}
	}
	for _, target := range r.Targets {
		perTarget += target.Sent
	}
	for _, b := range c.Timeline(r.From, time.Now().Add(time.Second)) {
		line += b.Failed
		for _, n := range b.Answers {
			line += n
		}
	}
	if failed != r.Failed || answers != r.OK || perTarget != r.Sent || line != r.Sent {
		t.Errorf("%s: %d failures by kind, %d answers by server, %d requests by target, %d on the time line", r, failed, answers, perTarget, line)
	}
}

func TestNoFailures(t *testing.T) {
	_, url1 := startApp(t, "n1")
	_, url2 := startApp(t, "n2")
	for _, fresh := range []bool{false, true} {
		c, err := load.New(load.Options{Targets: []string{url1, url2}, Rate: 500, NewConnections: fresh})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, c, 3*time.Second, nil)
		if r.Failed != 0 || r.Sent < 1000 || r.Sent > 1510 || r.Server("n1").Answers < 500 || r.Server("n2").Answers < 500 {
			t.Errorf("%s, by server %+v; want 1500 answers, half from each", r, r.Servers)
		}
		if r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
			t.Errorf("latencies %s, %s, %s", r.P50, r.P99, r.Max)
		}
		half := c.Window(r.From, r.From.Add(time.Second))
		if half.Sent != 500 || half.OK != 500 {
			t.Errorf("the first second: %s", half)
		}
		if _, err := c.Run(t.Context()); err == nil {
			t.Error("a client ran twice")
		}
	}
}

func TestKilledServer(t *testing.T) {
	cmd, url1 := startApp(t, "n1")
	_, url2 := startApp(t, "n2")
	c, err := load.New(load.Options{Targets: []string{url1, url2}, Rate: 400, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var killed time.Time
	r := run(t, c, 2*time.Second, func() {
		time.Sleep(time.Second)
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		killed = time.Now()
		_ = cmd.Wait()
	})
	n1, n2 := r.Targets[0], r.Targets[1]
	if n1.Failed == 0 || n1.Failed != n1.Kinds[load.KindRefused]+n1.Kinds[load.KindReset] || n1.OK == 0 || n2.Failed != 0 {
		t.Errorf("target 1: %+v, target 2: %+v; want refused and reset ones after the kill on the first only", n1, n2)
	}
	if last := r.Server("n1").Last; last.After(killed.Add(time.Second)) || last.Before(r.From) {
		t.Errorf("the last answer of n1 came %s after it was killed", last.Sub(killed))
	}
	before := c.Window(r.From, r.From.Add(500*time.Millisecond))
	after := c.Window(killed.Add(500*time.Millisecond), r.To)
	if before.Failed != 0 || after.Server("n1").Answers != 0 || after.Failed != after.Targets[0].Sent {
		t.Errorf("before: %s, after: %s", before, after)
	}
}

func TestKinds(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/body", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(app.NodeHeader, "n1")
		_, _ = io.WriteString(w, "n2 answers\n")
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 100_000)) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "n1")
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(600 * time.Millisecond)
		w.Header().Set(app.NodeHeader, "n1")
		_, _ = io.WriteString(w, "n1 answers\n")
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	for path, want := range map[string]load.Kind{
		"/status": load.KindStatus, "/body": load.KindBadBody, "/long": load.KindBadBody, "/cut": load.KindReset, "/hang": load.KindTimeout,
	} {
		c, err := load.New(load.Options{Targets: []string{srv.URL + path}, Rate: 50, Timeout: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, c, 200*time.Millisecond, nil)
		if diff := cmp.Diff(map[load.Kind]int{want: r.Sent}, r.Kinds); r.Sent == 0 || diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if r.GapFrom != r.From || r.GapTo != r.To {
			t.Errorf("%s: gap %s of %s, want all of it", path, r.Gap(), r.To.Sub(r.From))
		}
	}
	c, err := load.New(load.Options{Targets: []string{srv.URL + "/slow"}, Rate: 50})
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, c, 200*time.Millisecond, nil); r.Failed != 0 || r.Slow != r.Sent || r.Slow == 0 {
		t.Errorf("slow answers: %s", r)
	}
}

// TestIdleConnectionClosed: a server may close an idle connection at any time; that is no failure.
func TestIdleConnectionClosed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(srv.Close)
	c, err := load.New(load.Options{Targets: []string{srv.URL}, Rate: 20})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, c, time.Second, func() {
		for range 9 {
			time.Sleep(100 * time.Millisecond)
			srv.CloseClientConnections()
		}
	})
	if r.Failed > r.Kinds[load.KindReset] || c.Counters().Reconnects == 0 {
		t.Errorf("%s, %d reconnects", r, c.Counters().Reconnects)
	}
}

func TestOptions(t *testing.T) {
	for _, opts := range []load.Options{
		{},
		{Rate: 1},
		{Rate: 1, Targets: []string{"http://name/"}},
		{Rate: 1, Targets: []string{"https://127.0.0.1/"}},
		{Rate: 1, Targets: []string{"%"}},
		{Rate: 1_000_000, Targets: []string{"http://127.0.0.1/"}},
	} {
		if _, err := load.New(opts); err == nil {
			t.Errorf("%+v was taken", opts)
		}
	}
	if _, err := load.New(load.Options{Rate: 1, Targets: []string{"http://127.0.0.1", "http://[::1]:80/x?y=z"}}); err != nil {
		t.Error(err)
	}
}
