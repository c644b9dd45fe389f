// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

// kernel is hands and gate over a machine that is made up. The real ones are tested where they are.
type kernel struct {
	mu       sync.Mutex
	links    map[guard.Address]guard.Instant // until when the kernel keeps it
	gates    map[guard.Gated]guard.Instant
	foreign  map[guard.Address]bool // on a link, and not ours
	stranger string
	journal  []act
	tell     func(guard.Event)

	before map[string]func() // runs before an act of this name, without the lock
	watch  error
}

type act struct {
	name string
	at   string
	when guard.Instant
}

func newKernel() *kernel {
	return &kernel{
		links: map[guard.Address]guard.Instant{}, gates: map[guard.Gated]guard.Instant{}, foreign: map[guard.Address]bool{},
		before: map[string]func(){},
	}
}

func (k *kernel) begin(name, at string) func() {
	k.mu.Lock()
	hook := k.before[name]
	k.journal = append(k.journal, act{name, at, bootclock.Now()})
	k.mu.Unlock()
	if hook != nil {
		hook()
	}
	k.mu.Lock()
	return k.mu.Unlock
}

func (k *kernel) Ours(context.Context) ([]guard.Address, error) {
	defer k.begin("look", "")()
	return slices.Collect(maps.Keys(k.links)), nil
}

func (k *kernel) Probe(_ context.Context, at guard.Address, _ time.Duration) (string, error) {
	defer k.begin("probe", at.String())()
	return k.stranger, nil
}

func (k *kernel) Add(_ context.Context, at guard.Address, valid time.Duration) error {
	defer k.begin("add", at.String())()
	if k.foreign[at] {
		return fmt.Errorf("add %s: %w", at, ErrTaken)
	}
	k.links[at] = bootclock.Now().Add(valid)
	return nil
}

func (k *kernel) Refresh(_ context.Context, at guard.Address, valid time.Duration) (bool, error) {
	defer k.begin("refresh", at.String())()
	_, there := k.links[at]
	if there {
		k.links[at] = bootclock.Now().Add(valid)
	}
	return there, nil
}

func (k *kernel) Remove(_ context.Context, at guard.Address) error {
	defer k.begin("remove", at.String())()
	delete(k.links, at)
	return nil
}

func (k *kernel) Announce(_ context.Context, at guard.Address) error {
	defer k.begin("announce", at.String())()
	return nil
}

func (k *kernel) Watch(ctx context.Context, tell func(guard.Event)) error {
	k.mu.Lock()
	k.tell = tell
	err := k.watch
	k.watch = nil
	k.mu.Unlock()
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (k *kernel) Class() (string, string) { return "made-up", "it is a test" }

func (k *kernel) Entries(context.Context) ([]guard.Gated, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.gates)), nil
}

func (k *kernel) Prepare(_ context.Context, link string) error {
	defer k.begin("prepare", link)()
	return nil
}

func (k *kernel) Set(_ context.Context, addr netip.Addr, link string, until guard.Instant) error {
	g := guard.Gated{Addr: addr, Interface: link}
	name := "open"
	if until == 0 {
		name = "close"
	}
	defer k.begin(name, g.String())()
	k.gates[g] = until
	return nil
}

func (k *kernel) Clear(_ context.Context, addr netip.Addr, link string) error {
	g := guard.Gated{Addr: addr, Interface: link}
	defer k.begin("clear", g.String())()
	delete(k.gates, g)
	return nil
}

// on runs f before each act of a name.
func (k *kernel) on(name string, f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before[name] = f
}

// did counts the acts of a name.
func (k *kernel) did(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, a := range k.journal {
		if a.name == name {
			n++
		}
	}
	return n
}

func (k *kernel) empty() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.links) == 0 && len(k.gates) == 0
}

func (k *kernel) holds(at guard.Address) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.links[at]
	return ok
}

// patience is how long tests wait for what comes in milliseconds on a machine that is not busy.
const patience = 20 * time.Second

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// started is a guard that runs within the test.
type started struct {
	*kernel
	socket string
	stop   context.CancelFunc
	ended  chan error
	log    *lines
	// mayFail is set by tests of guards that cannot let go.
	mayFail bool
}

func start(t *testing.T, k *kernel) *started {
	t.Helper()
	return startFor(t, k, 0)
}

// startFor starts a guard that ends by itself after so long.
func startFor(t *testing.T, k *kernel, linger time.Duration) *started {
	t.Helper()
	s := &started{kernel: k, socket: filepath.Join(t.TempDir(), "g", "s"), ended: make(chan error, 1), log: &lines{}}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() {
		s.ended <- Run(ctx, Options{
			Socket: s.socket, Version: "test", Hands: k, Gate: k, Linger: linger, Log: zerolog.New(s.log).Level(zerolog.DebugLevel),
		})
	}()
	t.Cleanup(func() {
		if err := s.end(); err != nil && !s.mayFail {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	eventually(t, "the guard listens", func() bool { _, err := os.Stat(s.socket); return err == nil })
	return s
}

// end tells the guard to end, and returns what Run did.
func (s *started) end() error {
	s.stop()
	err := <-s.ended
	s.ended <- err
	return err
}

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// supervisor is the other end of a connection, in the hands of a test.
type supervisor struct {
	*wire.Conn[wire.FromGuard, wire.ToGuard]
	t      testing.TB
	hello  wire.Hello
	number uint64
}

func (s *started) connect(t testing.TB) *supervisor {
	t.Helper()
	var conn net.Conn
	eventually(t, "the guard takes a connection", func() (ok bool) {
		c, err := net.Dial("unix", s.socket)
		conn = c
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	v := &supervisor{Conn: wire.Supervisor(conn), t: t}
	msg := v.receive()
	if msg.Hello == nil {
		t.Fatalf("the first message is %+v", msg)
	}
	v.hello = *msg.Hello
	return v
}

func (v *supervisor) receive() wire.FromGuard {
	v.t.Helper()
	if err := v.SetReadDeadline(time.Now().Add(patience)); err != nil {
		v.t.Fatal(err)
	}
	msg, err := v.Receive()
	if err != nil {
		v.t.Fatal(err)
	}
	return msg
}

func (v *supervisor) say(m wire.ToGuard) {
	v.t.Helper()
	if err := v.Send(m); err != nil {
		v.t.Fatal(err)
	}
}

// order orders addresses for so long, and returns until when.
func (v *supervisor) order(right time.Duration, addresses ...guard.Address) guard.Instant {
	v.t.Helper()
	v.number++
	o := guard.Order{Number: v.number, Until: bootclock.Now().Add(right)}
	if len(addresses) > 0 {
		o.Units = []guard.Unit{{Resource: "vip", Epoch: 1, Addresses: addresses}}
	}
	v.say(wire.ToGuard{Order: &o})
	return o.Until
}

// await waits for a status that answers the newest order.
func (v *supervisor) await(what string, cond func(guard.Status) bool) guard.Status {
	v.t.Helper()
	var last guard.Status
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if msg := v.receive(); msg.Status != nil {
			if last = *msg.Status; last.Answers == v.number && cond(last) {
				return last
			}
		}
	}
	v.t.Fatalf("the guard never says that %s; last: %+v", what, last)
	return last
}

func held(s guard.Status) bool { return s.Holds("vip", 1) }

var errMadeUp = errors.New("made up")

func at(prefix string) guard.Address {
	return guard.Address{Prefix: netip.MustParsePrefix(prefix), Interface: "eth0"}
}
