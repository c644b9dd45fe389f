// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/health"
)

// quieter runs one check in a set, and tells it to be quiet or not.
type quieter struct {
	set     *Set
	spec    Spec
	changes chan health.Change
}

func newQuieter(t *testing.T, spec Spec) *quieter {
	t.Helper()
	q := &quieter{spec: spec, changes: make(chan health.Change, 100)}
	q.set = NewSet(func(_ string, c health.Change) { q.changes <- c }, quiet())
	t.Cleanup(q.set.Close)

	return q
}

// tell replaces the set by the same check, quiet or not. It makes a new Watch each time, as callers do.
func (q *quieter) tell(t *testing.T, quiet bool) {
	t.Helper()
	spec := q.spec
	spec.Quiet = quiet
	if spec.Watch != nil {
		w := *spec.Watch
		spec.Watch = &w
	}
	if err := q.set.Replace(t.Context(), map[string]Spec{"app": spec}); err != nil {
		t.Error(err)
	}
}

// TestQuiet follows the connection of a check through planned work. There are no probes but the first one and those of
// hints, and no hint but the real end of the application.
func TestQuiet(t *testing.T) {
	for name, kind := range map[string]Spec{"tcp": {TCP: &TCP{}}, "http": {HTTP: &HTTP{}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := startWebsite(t, hello)
			spec := site.spec(t, HTTP{})
			spec.TCP, spec.HTTP = kind.TCP, kind.HTTP
			q := newQuieter(t, spec)
			q.tell(t, true)
			expect(t, q.changes, health.Up)
			eventually(t, "the probe is over", func() bool { return site.accepted() == 1 && site.holds() })
			before := q.set.States()

			for range 3 {
				made := site.accepted()
				q.tell(t, false)
				q.tell(t, false)
				eventually(t, "a connection is kept", func() bool { return site.holds(http.StateNew) })
				q.tell(t, true)
				q.tell(t, true)
				eventually(t, "the connection is dropped", func() bool { return site.holds() })
				time.Sleep(50 * time.Millisecond) // a probe would come within this time, if seldom later
				if now := site.accepted(); now != made+1 {
					t.Errorf("%d connections, want one", now-made)
				}
			}
			if diff := cmp.Diff(before, q.set.States()); diff != "" {
				t.Errorf("the check did not go on:\n%s", diff)
			}
			shutdownPromptly(t, site)
		})
	}
}

// TestQuietDropsServed says that what probes leave is dropped too while quiet, what is there and what comes.
func TestQuietDropsServed(t *testing.T) {
	site := startWebsite(t, hello)
	spec := site.spec(t, HTTP{})
	spec.Interval = 50 * time.Millisecond
	q := newQuieter(t, spec)
	for range 3 {
		q.tell(t, false)
		eventually(t, "the connection is kept", func() bool { return site.holds(http.StateIdle) })
		q.tell(t, true)
		eventually(t, "the connection is dropped", func() bool { return site.holds() })
		asked := site.requests.Load()
		eventually(t, "probes go on", func() bool { return site.requests.Load() >= asked+2 })
		eventually(t, "none is kept", func() bool { return site.holds() })
	}
}

// TestQuietKeepsCount has a check count failures while it is told to be quiet and not, again and again: they add up,
// and no probe comes but at its time.
func TestQuietKeepsCount(t *testing.T) {
	const fall = 8
	var q *quieter
	var site *website
	ready := make(chan struct{})
	site = startWebsite(t, func(w http.ResponseWriter, r *http.Request) {
		<-ready
		n := site.requests.Load()
		if n == 1 {
			hello(w, r)
			return
		}
		if n <= 1+fall { // what comes later may come when the test has ended
			q.tell(t, n%2 == 0)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	spec := site.spec(t, HTTP{})
	spec.Interval, spec.Judge.Fall = 30*time.Millisecond, fall
	q = newQuieter(t, spec)
	q.tell(t, false)
	close(ready)
	if up := expect(t, q.changes, health.Up); up.From != health.Unknown {
		t.Errorf("up from %s", up.From)
	}
	expect(t, q.changes, health.Down)
	if n := site.requests.Load(); n < 1+fall || n > 2+fall { // one more may have come before we looked
		t.Errorf("down after %d requests, want %d", n, 1+fall)
	}
}

// TestQuietFromTheStart says that a check which starts quiet opens no connection but those of its probes, and that it
// still knows the end of the process.
func TestQuietFromTheStart(t *testing.T) {
	c := startChild(t, 0)
	q := newQuieter(t, watchedSpec(c, Watch{Connection: true, PIDFile: c.pidFile}))
	q.tell(t, true)
	expect(t, q.changes, health.Up)
	waitPidfd(t, c.cmd.Process.Pid)
	if n := connections(t, c.port); n != 0 {
		t.Errorf("%d connections", n)
	}
	c.kill()
	expect(t, q.changes, health.Down)
}

// TestQuietEnds says that a death after planned work is seen at once again.
func TestQuietEnds(t *testing.T) {
	c := startChild(t, 0)
	q := newQuieter(t, watchedSpec(c, Watch{Connection: true}))
	q.tell(t, true)
	expect(t, q.changes, health.Up)
	q.tell(t, false)
	waitConnections(t, c.port, 1)
	c.kill()
	expect(t, q.changes, health.Down)
}

// TestQuietFlood tells a check to be quiet and not without a pause, from many goroutines: the last word counts.
func TestQuietFlood(t *testing.T) {
	site := startWebsite(t, hello)
	spec := site.spec(t, HTTP{})
	spec.Interval = 10 * time.Millisecond
	q := newQuieter(t, spec)
	done := make(chan struct{})
	const tellers, words = 4, 200
	for range tellers {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range words {
				q.tell(t, i%2 == 0)
			}
		}()
	}
	for range tellers {
		<-done
	}
	q.tell(t, true)
	asked := site.requests.Load()
	eventually(t, "probes go on", func() bool { return site.requests.Load() > asked+3 })
	q.tell(t, false)
	eventually(t, "a connection is kept", func() bool { return site.holds(http.StateIdle) })
	expect(t, q.changes, health.Up)
	select {
	case c := <-q.changes:
		t.Errorf("%s -> %s: %s", c.From, c.To, c.Reason)
	default:
	}
}
