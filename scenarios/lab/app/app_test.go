// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestServe(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serveOn(ctx, listener, Options{Node: "n1"}) }()
	url := "http://" + listener.Addr().String()

	steps := []struct {
		path   string
		status int
		body   string
	}{
		{"/", 200, "n1 answers: request 1, 1 in flight\n"},
		{"/health", 200, "healthy\n"},
		{"/fail", 200, "failing\n"},
		{"/health", 503, "failing\n"},
		{"/", 200, "n1 answers: request 2, 1 in flight\n"},
		{"/break", 200, "broken\n"},
		{"/health", 500, "broken\n"},
		{"/", 500, "broken\n"},
		{"/ok", 200, "healthy\n"},
		{"/health", 200, "healthy\n"},
		{"/?delay=1ms", 200, "n1 answers: request 3, 1 in flight\n"},
		{"/?delay=2h", 400, "delay \"2h\": want a duration up to 1m0s\n"},
		{"/?other=1", 200, "n1 answers: request 5, 1 in flight\n"},
		{"/none", 404, "404 page not found\n"},
	}
	for _, step := range steps {
		got := get(t, url+step.path)
		if want := (answer{step.status, "n1", step.body}); got != want {
			t.Errorf("%s: %+v, want %+v", step.path, got, want)
		}
	}

	// A request in flight is answered although the application stops.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /?delay=300ms HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for inFlight := ""; !strings.Contains(inFlight, "2 in flight"); {
		inFlight = get(t, url).body
	}
	stop()
	late, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(late), "n1 answers") {
		t.Errorf("answer %q, %v", late, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := Serve(t.Context(), "256.0.0.1:1", Options{}); err == nil {
		t.Error("an impossible address was served")
	}
}

// answer is what the application said.
type answer struct {
	status     int
	node, body string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get(NodeHeader), string(body)}
}
