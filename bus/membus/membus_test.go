// SPDX-License-Identifier: Apache-2.0

package membus_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/bus/membus"
)

// world runs ports in a bubble; got is read only while every goroutine waits.
type world struct {
	t     *testing.T
	net   *membus.Network
	ports map[string]*membus.Port
	got   map[string][]string
	stop  map[string]context.CancelFunc
	lives map[string]bus.Envelope // the newest message of each node
	mu    sync.Mutex              // guards got: the handlers of different ports run at once
}

// The surface that natsbus.Bus has too.
var _ interface {
	Send(frames ...bus.Outgoing)
	Run(ctx context.Context, handler func(env bus.Envelope, rail int)) error
	Rails() []bus.RailStatus
} = (*membus.Port)(nil)

func inBubble(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: membus.New(), ports: map[string]*membus.Port{}, got: map[string][]string{}, stop: map[string]context.CancelFunc{}, lives: map[string]bus.Envelope{}}
		for i, name := range []string{"n1", "n2", "n3"} {
			w.join(name, uint64(i+1), 1)
		}
		synctest.Wait()
		f(w)
		for _, stop := range w.stop {
			stop()
		}
		synctest.Wait()
	})
}

func (w *world) join(name string, install, boot uint64) {
	p := w.net.Join(name)
	w.lives[name] = bus.Envelope{From: name, Install: install, Boot: boot, Kind: bus.KindHeartbeat}
	ctx, cancel := context.WithCancel(w.t.Context())
	w.ports[name], w.stop[name] = p, cancel
	go func() {
		err := p.Run(ctx, func(e bus.Envelope, _ int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got[name] = append(w.got[name], e.From+":"+string(e.Payload))
		})
		if err != nil {
			w.t.Errorf("%s: Run: %v", name, err)
		}
	}()
}

func (w *world) say(from, to, text string) {
	env := w.lives[from]
	env.Seq++
	w.lives[from] = env
	env.Payload = []byte(text)
	w.ports[from].Send(bus.Outgoing{To: to, Envelope: env})
	synctest.Wait()
}

func (w *world) expect(want map[string][]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.got); diff != "" {
		w.t.Errorf("heard (-want +got):\n%s", diff)
	}
	w.got = map[string][]string{}
}

func TestDelivery(t *testing.T) {
	inBubble(t, func(w *world) {
		w.say("n1", "", "all")
		w.say("n1", "n2", "one")
		w.expect(map[string][]string{"n2": {"n1:all", "n1:one"}, "n3": {"n1:all"}})
		for i, r := range w.ports["n2"].Rails() {
			if !r.Up || r.Routes != 2 || len(r.Peers) != 1 || r.Dropped != 0 {
				t.Errorf("rail %d: %+v", i, r)
			}
		}
	})
}

func TestCutAndHeal(t *testing.T) {
	inBubble(t, func(w *world) {
		w.net.Cut("n1", "n2")
		w.say("n1", "", "cut")
		w.say("n2", "", "cut")
		w.expect(map[string][]string{"n3": {"n1:cut", "n2:cut"}})
		w.net.Heal("n1", "n2")
		w.net.CutOneWay("n3", "n1")
		w.say("n1", "", "x")
		w.say("n3", "", "y")
		w.expect(map[string][]string{"n2": {"n1:x", "n3:y"}, "n3": {"n1:x"}})
	})
}

func TestRails(t *testing.T) {
	inBubble(t, func(w *world) {
		w.net.CutRail(0)
		w.say("n1", "n2", "one rail")
		w.expect(map[string][]string{"n2": {"n1:one rail"}})
		if r := w.ports["n2"].Rails(); len(r[0].Peers) != 0 || len(r[1].Peers) != 1 || r[0].Routes != 0 || r[1].Routes != 2 {
			t.Errorf("%+v", r)
		}
		w.net.CutRail(1)
		w.say("n1", "n2", "no rail")
		w.expect(map[string][]string{})
		w.net.HealRail(0)
		w.say("n1", "n2", "again")
		w.expect(map[string][]string{"n2": {"n1:again"}})
	})
}

func TestLivesAndTwins(t *testing.T) {
	inBubble(t, func(w *world) {
		w.say("n1", "n2", "first life")
		w.stop["n1"]()
		synctest.Wait()
		w.say("n1", "n2", "nothing")
		if w.ports["n1"].Rails()[0].Dropped != 1 {
			t.Error("a stopped port still sends")
		}
		w.join("n1", 1, 2)
		synctest.Wait()
		w.say("n1", "n2", "second life")
		w.lives["n1"] = bus.Envelope{Cluster: "c1", From: "n1", Install: 1, Boot: 3, Kind: bus.KindHeartbeat}
		w.say("n1", "n2", "third life")
		w.expect(map[string][]string{"n2": {"n1:first life", "n1:second life", "n1:third life"}})
		first := w.ports["n1"]
		w.join("n1", 99, 1)
		synctest.Wait()
		w.say("n1", "", "twin")
		w.expect(map[string][]string{"n2": {"n1:twin"}, "n3": {"n1:twin"}})
		if first.Rails()[0].Twins == 0 {
			t.Error("the twin was not noticed")
		}
	})
}

func TestFullInboxGivesUpTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := membus.New("only")
		from, to := net.Join("n1"), net.Join("n2")
		ctx, cancel := context.WithCancel(t.Context())
		gate := make(chan struct{})
		var got []uint64
		go func() { _ = from.Run(ctx, func(bus.Envelope, int) {}) }()
		go func() { _ = to.Run(ctx, func(e bus.Envelope, _ int) { <-gate; got = append(got, e.Seq) }) }()
		synctest.Wait()
		for i := range uint64(membus.InboxFrames + 100) {
			from.Send(bus.Outgoing{Envelope: bus.Envelope{From: "n1", Install: 1, Boot: 1, Seq: i + 1, Kind: bus.KindHeartbeat}})
			time.Sleep(time.Millisecond)
		}
		close(gate)
		synctest.Wait()
		// One is in the handler, InboxFrames wait, the 99 between were given up.
		if len(got) != membus.InboxFrames+1 || got[0] != 1 || got[1] != 101 || to.Rails()[0].Dropped != 99 {
			t.Errorf("got %d frames from %v, dropped %d", len(got), got[:2], to.Rails()[0].Dropped)
		}
		cancel()
		synctest.Wait()
	})
}

func TestRunOnce(t *testing.T) {
	p := membus.New().Join("n1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx, nil); err != nil {
		t.Error(err)
	}
	if err := p.Run(ctx, nil); !errors.Is(err, membus.ErrRunning) {
		t.Errorf("got %v, want ErrRunning", err)
	}
	if p.Rails()[0].Up {
		t.Error("up")
	}
}
