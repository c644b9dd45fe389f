// SPDX-License-Identifier: Apache-2.0

package natsbus_test

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/bus/natsbus"
)

// proxy forwards TCP and can hold every byte back, as a network that black-holes packets does: nobody sees a closed connection.
type proxy struct {
	net.Listener
	target string
	held   atomic.Bool
	done   chan struct{}
	wg     sync.WaitGroup
}

func startProxy(tb testing.TB, listen, target string) *proxy {
	tb.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{Listener: l, target: target, done: make(chan struct{})}
	p.wg.Go(p.accept)
	tb.Cleanup(func() {
		close(p.done)
		_ = l.Close()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.wg.Go(func() { p.copy(in, out) })
		p.wg.Go(func() { p.copy(out, in) })
	}
}

func (p *proxy) copy(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		_ = src.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := src.Read(buf)
		for p.held.Load() {
			select {
			case <-p.done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		select {
		case <-p.done:
			return
		default:
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// While the network holds everything back, the pings close the route, so what comes after the heal is what was under way in the first moments of the cut and
// what is sent after it. Without the short pings every one of the frames would come, as old as the cut is long.
func TestBlackHoleLeavesNoBacklog(t *testing.T) {
	b := start(t, natsbus.Options{Node: "n2", Install: 2, Boot: 1, Rails: []natsbus.Rail{{Name: "a", Listen: anyPort(70)}}})
	until(t, "n2 up", func() bool { return b.Rails()[0].Up })
	p := startProxy(t, anyPort(71), b.Rails()[0].Listen)
	a := start(t, natsbus.Options{Node: "n1", Install: 1, Boot: 1, Rails: []natsbus.Rail{{Name: "a", Listen: anyPort(72), Seeds: []string{p.Addr().String()}}}})
	settle(t, []*node{a, b})

	p.held.Store(true)
	first, last, routesGone := uint64(0), uint64(0), false
	for end := time.Now().Add(20 * testPing); time.Now().Before(end) || !routesGone; time.Sleep(5 * time.Millisecond) {
		last = a.send("", bus.KindHeartbeat, nil)
		if first == 0 {
			first = last
		}
		routesGone = routesGone || a.Rails()[0].Routes == 0
		if time.Now().After(end.Add(patience)) {
			t.Fatal("the silent route was never closed")
		}
	}
	p.held.Store(false)
	var healed uint64
	until(t, "heard again", func() bool {
		healed = a.send("", bus.KindHeartbeat, nil)
		got := b.from("n1")
		return got[len(got)-1] > last
	})
	stale := 0
	for _, seq := range b.from("n1") {
		if seq >= first && seq <= last {
			stale++
		}
	}
	if sent := int(last - first + 1); stale > sent/2 {
		t.Errorf("%d of %d frames of the cut were delivered after it (numbers %d to %d, healed at %d)", stale, sent, first, last, healed)
	}
}

// A node whose loop stands still gets a bounded number of frames afterwards, and the newest ones.
func TestPausedHandlerGetsTheNewestFrames(t *testing.T) {
	nodes := mesh(t, 2)
	a, b := nodes[0], nodes[1]
	release := b.hold()
	before := len(b.from("n1"))
	const sent = 6 * natsbus.InFrames
	var last uint64
	for i := range sent {
		last = a.send("", bus.KindHeartbeat, nil)
		if i%(natsbus.QueueFrames/4) == 0 {
			time.Sleep(2 * time.Millisecond) // or the sender's own bound drops frames too
		}
	}
	until(t, "frames of the pause lost", func() bool { return b.Rails()[0].Dropped+b.Rails()[1].Dropped > 0 })
	release()
	var fresh uint64
	until(t, "newest frame", func() bool {
		fresh = a.send("", bus.KindHeartbeat, nil)
		got := b.from("n1")
		return got[len(got)-1] > last
	})
	old := 0
	for _, seq := range b.from("n1")[before:] {
		if seq <= last {
			old++
		}
	}
	if limit := 2*natsbus.InFrames + 2; old > limit { // each of two rails keeps one queue
		t.Errorf("%d of %d frames of the pause were delivered, at most %d may be (newest %d)", old, sent, limit, fresh)
	}
}
