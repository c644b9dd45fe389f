// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

const (
	// beat is how often the node of a test earns its right anew, and lasts how long it has it then.
	beat, lasts = 20 * time.Millisecond, 2 * time.Second
	device      = "eth0"
)

// TestRealGuard has a real guard hold a real address behind a real gate, in a network namespace that ends with the test: the test runs
// itself there, as a process of its own.
func TestRealGuard(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if os.Getenv(envRole) == "inside" {
		inside(t, os.Getenv(envFolder))
		return
	}
	folder := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRealGuard$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), envRole+"=inside", envFolder+"="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRealGuard") {
		t.Errorf("%v\n%s", err, out)
	}
}

func inside(t *testing.T, folder string) {
	t.Helper()
	ip(t, "link", "set", "lo", "up")
	ip(t, "link", "add", device, "type", "veth", "peer", "name", "peer0")
	ip(t, "link", "set", "peer0", "up")
	ip(t, "link", "set", device, "up")
	n := begin(t, folder)

	n.give(holdings.Hold{})
	n.await("the guard knows that there is nothing to hold", func(g core.Guarded) bool { return g.Order == 1 && g.Class != "" })
	n.give(holdings.Hold{Holdings: []core.Holding{holding(3)}})
	n.await("it holds the address", n.holds(2, 3))
	if !there(t) {
		t.Error("the address is said to be held, and is not there")
	}

	for _, c := range []struct{ down, up, why string }{
		{"peer0", "peer0", "interface eth0 has no carrier"},
		{device, device, "interface eth0 is set down"},
	} {
		ip(t, "link", "set", c.down, "down")
		n.await(c.why, func(g core.Guarded) bool { return slices.Equal(g.Lacks, []core.Lack{{Link: device, Why: c.why}}) })
		ip(t, "link", "set", c.up, "up")
		n.await("the link can carry again", func(g core.Guarded) bool { return len(g.Lacks) == 0 })
	}

	w := holding(3)
	w.Failback = cluster.FailbackWhenIdle
	n.give(holdings.Hold{Holdings: []core.Holding{w}})
	idle := func(want bool) func(core.Guarded) bool {
		return func(g core.Guarded) bool { return n.holds(3, 3)(g) && g.Units[0].Idle == want }
	}
	n.await("nobody uses it", idle(true))
	hangUp := call(t)
	n.await("somebody uses it", idle(false))
	hangUp()
	n.await("nobody uses it any more", idle(true))

	n.give(holdings.Hold{})
	n.await("it is let go", func(g core.Guarded) bool { return g.Order == 4 && len(g.Units) == 0 })
	if there(t) {
		t.Error("the address is said to be gone, and is there")
	}

	n.give(holdings.Hold{Holdings: []core.Holding{holding(5)}})
	n.await("it holds it again", n.holds(5, 5))
	if n.stop(); !there(t) {
		t.Error("the guard did not outlive its supervisor")
	}
	eventually(t, "the right runs out, and the address is gone", func() bool { return !there(t) })
	eventually(t, "the guard is gone as well", func() bool { _, err := os.Stat(socket(folder)); return errors.Is(err, fs.ErrNotExist) })
}

// running is the node of a test, with a real guard.
type running struct {
	t    *testing.T
	h    *Holder
	stop func() // ends it; may be called again

	mu   sync.Mutex
	held holdings.Hold
	last core.Guarded
}

func begin(t *testing.T, folder string) *running {
	t.Helper()
	n := &running{t: t, h: New(Options{
		Node: "n1", Socket: socket(folder), Bears: lasts, Settle: 2 * beat, Log: zerolog.New(zerolog.NewTestWriter(t)),
		Command: []string{"/usr/bin/env", envRole + "=guard", os.Args[0]},
	})}
	ctx, cancel := context.WithCancel(t.Context())
	var works sync.WaitGroup
	works.Go(func() {
		if err := n.h.Run(ctx, n.hear); err != nil {
			t.Error(err)
		}
	})
	works.Go(func() { n.beat(ctx) })
	n.stop = func() {
		cancel()
		works.Wait()
	}
	t.Cleanup(n.stop)
	return n
}

// beat earns the right again and again.
func (n *running) beat(ctx context.Context) {
	every := time.NewTicker(beat)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		n.mu.Lock()
		if n.held.Order > 0 {
			n.held = right(n.h, n.held, lasts)
			n.h.Hold(n.held)
		}
		n.mu.Unlock()
	}
}

func (n *running) hear(g core.Guarded) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = g
}

// give gives the node what it is to hold, with the next order.
func (n *running) give(w holdings.Hold) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w.Order, w.Links = n.held.Order+1, []string{device}
	n.held = right(n.h, w, lasts)
	n.h.Hold(n.held)
}

func (n *running) await(what string, cond func(core.Guarded) bool) {
	n.t.Helper()
	last := func() core.Guarded {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.last
	}
	for deadline := time.Now().Add(patience); !cond(last()); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("it never came about that %s; last: %+v", what, last())
		}
	}
}

// holds is met when the guard knows an order and holds the address under an epoch.
func (n *running) holds(order, epoch uint64) func(core.Guarded) bool {
	return func(g core.Guarded) bool {
		return g.Order == order && len(g.Units) == 1 && g.Units[0].Epoch == epoch && g.Units[0].State == bus.ResourceHeld
	}
}

func ip(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// there tells whether the address is on its link.
func there(t *testing.T) bool {
	t.Helper()
	return strings.Contains(ip(t, "-o", "address", "show", "dev", device), " 10.0.0.100/24 ")
}

// call connects to the address, and returns what ends the connection.
func call(t *testing.T) (hangUp func()) {
	t.Helper()
	l, err := net.Listen("tcp", "10.0.0.100:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		for _, c := range []net.Conn{here, there} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
