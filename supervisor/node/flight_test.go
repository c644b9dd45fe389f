// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
)

// hangar records every node of a world. The nodes share one source of random numbers, so one steps after the other.
type hangar struct {
	dir  string
	size int64
	from io.Reader

	stepping sync.Mutex
	at       atomic.Pointer[recorder.Tap] // of the node that steps
}

// newHangar puts itself into crypto/rand.Reader until the test ends.
func newHangar(t *testing.T, size int64) *hangar {
	h := &hangar{dir: t.TempDir(), size: size, from: rand.Reader}
	was := rand.Reader
	rand.Reader = h
	t.Cleanup(func() { rand.Reader = was })
	return h
}

// Read implements io.Reader.
func (h *hangar) Read(p []byte) (int, error) {
	if tap := h.at.Load(); tap != nil {
		return tap.Read(p)
	}
	return h.from.Read(p)
}

// onlyStep lets a node step alone.
type onlyStep struct {
	*recorder.Recorder
	h   *hangar
	tap *recorder.Tap
}

func (o onlyStep) Begin() {
	o.h.stepping.Lock()
	o.h.at.Store(o.tap)
	o.Recorder.Begin()
}

func (o onlyStep) Made(now time.Time, cfg core.Config, id core.Identity, held core.Held) {
	o.Recorder.Made(now, cfg, id, held)
	o.h.at.Store(nil)
	o.h.stepping.Unlock()
}

func (o onlyStep) Stepped(c *core.Core, now time.Time, inputs []core.Input, out core.Output) {
	o.Recorder.Stepped(c, now, inputs, out)
	o.h.at.Store(nil)
	o.h.stepping.Unlock()
}

// record returns the recorder of a node that starts.
func (h *hangar) record(t *testing.T) func(m *machine) node.Recorder {
	return func(m *machine) node.Recorder {
		tap := recorder.NewTap(h.from)
		r, err := recorder.New(recorder.Options{
			Dir: filepath.Join(h.dir, m.name), Size: h.size, Node: m.name, Cluster: "test", Version: "test", Tap: tap, Log: zerolog.Nop(),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		return onlyStep{r, h, tap}
	}
}

// replayed replays all that was recorded of a node, from each of the files as well, and returns the steps.
func (h *hangar) replayed(t *testing.T, name string) (recordings int, steps uint64) {
	t.Helper()
	found, err := recorder.Find(filepath.Join(h.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		sum, err := recorder.Replay(t.Context(), r, recorder.Span{}, func(recorder.Moment) error { return nil })
		if err != nil {
			t.Fatalf("%s, which began at %s: %v", name, r.Start, err)
		}
		if sum.Torn {
			t.Errorf("%s: the recording breaks off", name)
		}
		steps += sum.Steps
	}
	return len(found), steps
}

// TestReplayFromACheckpoint lets the ring turn over many times: whatever is left can be replayed from the beginning of
// each of its files, and where one file follows another, the core remembers just what the recorded one did.
func TestReplayFromACheckpoint(t *testing.T) {
	const size = 64 << 10
	h := newHangar(t, size)
	inBubble(t, 3, func(w *world) {
		w.flight = h.record(w.t)
		stormyWeek(w)
		for range 3 {
			time.Sleep(3 * time.Minute)
			w.leader().isolate()
			time.Sleep(20 * time.Second)
			for _, m := range w.ms {
				m.rejoin()
			}
		}
	})
	for _, name := range []string{"n1", "n2", "n3"} {
		found, err := recorder.Find(filepath.Join(h.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var used int64
		files, err := filepath.Glob(filepath.Join(h.dir, name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			used += info.Size()
		}
		if len(found) != 1 || len(found[0].Begins()) < 3 || !found[0].Since().After(found[0].Start.Add(5*time.Minute)) || used > size+size/4 {
			t.Fatalf("%s: %d recordings, %d bytes, the last from %v", name, len(found), used, found[0].Begins())
		}
		for _, from := range found[0].Begins() {
			sum, err := recorder.Replay(t.Context(), found[0], recorder.Span{From: from}, func(recorder.Moment) error { return nil })
			if err != nil {
				t.Fatalf("%s from %s: %v", name, from, err)
			}
			t.Logf("%s from %s: %d steps", name, from.Sub(found[0].Start), sum.Steps)
		}
	}
}

// stormyWeek is what a node may live through, in short.
func stormyWeek(w *world) {
	w.form()
	first := w.leader()
	first.crash()
	rest := w.without(first)
	w.everywhere(rest, "web/"+first.name, "out")
	first.start()
	w.eventually("it is back", func() bool { return w.allAlive(w.ms...) })
	first.say("web/"+first.name, health.Up)
	w.everywhere(w.ms, "web/"+first.name, "serve")
	if _, err := rest[0].node.Submit(w.t.Context(), "ann", cluster.SetMode{Node: cluster.NodeID(first.name), Mode: cluster.ModeStandby}); err != nil {
		w.t.Error(err)
	}
	w.everywhere(w.ms, "web/"+first.name, "drain")
	away := w.leader()
	away.isolate()
	w.everywhere(w.without(away), "web/"+away.name, "out")
	time.Sleep(3 * time.Second)
	away.rejoin()
	w.eventually("all are back", func() bool { return w.allAlive(w.ms...) })
	time.Sleep(time.Minute)
}

// TestReplayDecidesTheSame records a cluster through crashes, elections, a partition and orders, and replays every
// node.
func TestReplayDecidesTheSame(t *testing.T) {
	h := newHangar(t, 32<<20)
	inBubble(t, 3, func(w *world) {
		w.flight = h.record(w.t)
		stormyWeek(w)
	})
	for _, name := range []string{"n1", "n2", "n3"} {
		recordings, steps := h.replayed(t, name)
		t.Logf("%s: %d steps of %d processes", name, steps, recordings)
		if steps < 1000 {
			t.Errorf("%s: only %d steps", name, steps)
		}
	}
}
