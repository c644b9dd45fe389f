// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

var errEnough = errors.New("enough")

func TestPastEvents(t *testing.T) {
	src := newSource()
	src.past = []cluster.Notice{notice(4), notice(7)}
	client := Dial(start(t, src))
	defer client.Close()
	for since, want := range map[uint64]int{0: 2, 4: 1, 7: 0} {
		var got []cluster.Notice
		err := client.Events(t.Context(), EventsQuery{Since: since}, func(n cluster.Notice) error {
			got = append(got, n)
			return nil
		})
		if err != nil || len(got) != want {
			t.Errorf("since %d: %d events, %v; want %d", since, len(got), err, want)
		}
	}
	if err := client.Events(t.Context(), EventsQuery{}, func(cluster.Notice) error { return errEnough }); !errors.Is(err, errEnough) {
		t.Errorf("the reader's own error became %v", err)
	}
}

func TestFollow(t *testing.T) {
	src := newSource()
	src.past = []cluster.Notice{notice(4)}
	// A request's own deadline must not end a stream.
	client := Dial(start(t, src, func(s *Server) { s.read = 50 * time.Millisecond }))
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan cluster.Notice)
	ended := make(chan error, 1)
	go func() {
		ended <- client.Events(ctx, EventsQuery{Follow: true}, func(n cluster.Notice) error {
			seen <- n
			return nil
		})
	}()
	if diff := cmp.Diff(notice(4), <-seen); diff != "" {
		t.Errorf("past (-want +got):\n%s", diff)
	}
	time.Sleep(200 * time.Millisecond)
	local := cluster.Notice{Event: cluster.Event{Kind: "rail.down", Subject: "r1"}, Node: "n2"}
	src.live <- local
	if diff := cmp.Diff(local, <-seen); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the end of the context is told as %v", err)
	}
}

// TestCutOff closes the channel as the source does with a slow reader.
func TestCutOff(t *testing.T) {
	src := newSource()
	client := Dial(start(t, src))
	defer client.Close()
	close(src.live)
	err := client.Events(t.Context(), EventsQuery{Follow: true}, func(cluster.Notice) error { return nil })
	var failure *Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Message, "too slow") || failure.Hint == "" {
		t.Errorf("a reader that was cut off is told %v", err)
	}
}

func TestServerSentEvents(t *testing.T) {
	src := newSource()
	src.past = []cluster.Notice{notice(4), notice(7)}
	socket := start(t, src, func(s *Server) { s.quiet = 20 * time.Millisecond })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://evenkeel/v1/events?since=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", "4") // goes before since
	resp, err := raw(t, socket).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if line := lines.Text(); line != "" {
				return line
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	const data = `data: {"index":7,"n":0,"at":0,"kind":"node.mode","subject":"n1","from":"active","to":"standby","reason":"kernel"}`
	for i, want := range []string{"id: 7", data, ": still here"} {
		if got := next(); got != want {
			t.Errorf("line %d is %q, want %q", i, got, want)
		}
	}
	src.live <- cluster.Notice{Event: cluster.Event{Kind: "rail.down"}, Node: "n2"}
	for {
		got := next()
		if got == ": still here" {
			continue
		}
		if !strings.HasPrefix(got, "data: ") {
			t.Errorf("an event without an index begins with %q", got)
		}
		break
	}
	close(src.live)
	for {
		if got := next(); got == "event: cut" {
			break
		}
	}
	if got := next(); !strings.Contains(got, "too slow") {
		t.Errorf("the cut says %q", got)
	}
}

func TestStreamLimit(t *testing.T) {
	src := newSource()
	socket := start(t, src, func(s *Server) { s.streams = make(chan struct{}, 1) })
	client := Dial(socket)
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- client.Events(ctx, EventsQuery{Follow: true}, func(cluster.Notice) error { return nil })
	}()
	eventually(t, "the first stream is open", func() bool {
		src.mu.Lock()
		defer src.mu.Unlock()
		return src.readers == 1
	})
	err := client.Events(t.Context(), EventsQuery{Follow: true}, func(cluster.Notice) error { return nil })
	expect(t, err, http.StatusServiceUnavailable, "event streams are open already")
	if err := client.Events(t.Context(), EventsQuery{}, func(cluster.Notice) error { return nil }); err != nil {
		t.Errorf("reading without following is not limited, yet: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	src.mu.Lock()
	src.past = []cluster.Notice{notice(9)}
	src.mu.Unlock()
	eventually(t, "the slot is free again", func() bool {
		err := client.Events(t.Context(), EventsQuery{Follow: true}, func(cluster.Notice) error { return errEnough })
		return errors.Is(err, errEnough)
	})
}

// TestServerStops ends a stream that is followed, and tells its reader.
func TestServerStops(t *testing.T) {
	src := newSource()
	ended := make(chan error, 1)
	t.Run("serve", func(t *testing.T) {
		client := Dial(start(t, src))
		open := make(chan struct{})
		src.live <- notice(9)
		go func() {
			ended <- client.Events(context.Background(), EventsQuery{Follow: true}, func(cluster.Notice) error { close(open); return nil })
		}()
		<-open
	})
	var failure *Error
	if err := <-ended; !errors.As(err, &failure) || !strings.Contains(failure.Message, "evenkeel stopped") {
		t.Errorf("the end of the server is told as %v", err)
	}
}
