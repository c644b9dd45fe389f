// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

var vip, vip6 = at("10.0.0.100/24"), at("2001:db8::100/64")

func TestHoldsUntilTheDeadline(t *testing.T) {
	g := start(t, newKernel())
	v := g.connect(t)
	if v.hello.Class != "made-up" || v.hello.Version != "test" || v.hello.PID != os.Getpid() || v.hello.Protocol != wire.Protocol {
		t.Errorf("it says that it is %+v", v.hello)
	}
	until := v.order(time.Minute, vip, vip6)
	v.await("both are held", held)
	for _, a := range []guard.Address{vip, vip6} {
		if g.mu.Lock(); g.gates[a.Gated()] != until {
			t.Errorf("the gate before %s is open until %d, and the right ends at %d", a, g.gates[a.Gated()], until)
		}
		g.mu.Unlock()
	}
	v.order(300*time.Millisecond, vip, vip6)
	until = bootclock.Now().Add(700 * time.Millisecond)
	v.say(wire.ToGuard{Extend: &guard.Extend{Until: until}})
	// Nothing is said any more.
	v.await("the deadline has passed", func(s guard.Status) bool { return s.Lapsed && s.Gone("vip") })
	eventually(t, "nothing is left", g.empty)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.journal {
		switch a.name {
		case "add", "refresh", "announce", "probe":
			if a.when >= until {
				t.Errorf("%s of %s %s after the deadline", a.name, a.at, a.when.Sub(until))
			}
		case "remove":
			if a.when < until {
				t.Errorf("%s is removed %s before the deadline", a.at, until.Sub(a.when))
			}
		}
	}
}

func TestReleasesOnOrder(t *testing.T) {
	g := start(t, newKernel())
	v := g.connect(t)
	v.order(time.Minute, vip)
	v.await("it is held", held)
	v.order(time.Minute)
	v.await("it is gone", func(s guard.Status) bool { return s.Gone("vip") })
	if g.holds(vip) {
		t.Error("the guard says that the address is gone, and it is there")
	}
	eventually(t, "nothing is left", g.empty)
}

// TestLateIsUndone lets the process sleep between the check and the act: when it has acted, the deadline has passed.
func TestLateIsUndone(t *testing.T) {
	k := newKernel()
	var until guard.Instant
	k.on("add", func() { time.Sleep(max(until.Sub(bootclock.Now()), 0) + 50*time.Millisecond) })
	g := start(t, k)
	v := g.connect(t)
	k.mu.Lock()
	until = bootclock.Now().Add(400 * time.Millisecond)
	k.mu.Unlock()
	v.number++
	v.say(wire.ToGuard{Order: &guard.Order{Number: 1, Until: until, Units: []guard.Unit{{Resource: "vip", Epoch: 1, Addresses: []guard.Address{vip}}}}})
	v.await("it is gone", func(s guard.Status) bool { return s.Lapsed && s.Gone("vip") })
	if g.holds(vip) || k.did("add") != 1 || k.did("announce") > 0 {
		t.Errorf("there is %v after %d adds and %d announcements", k.links, k.did("add"), k.did("announce"))
	}
	if !strings.Contains(g.log.String(), "it was undone") {
		t.Error("the log does not tell that it was undone")
	}
}

// TestLateIsLeft lets an act wait behind another until the deadline has passed.
func TestLateIsLeft(t *testing.T) {
	k := newKernel()
	g := start(t, k)
	v := g.connect(t)
	v.order(time.Minute, vip)
	v.await("it is held", held)
	release, busy := make(chan struct{}), make(chan struct{}, 1)
	k.on("announce", func() {
		busy <- struct{}{}
		<-release
	})
	eventually(t, "the links are watched", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.tell != nil })
	k.tell(guard.LinkUp{Interface: "eth0"})
	<-busy
	until := v.order(500*time.Millisecond, vip, vip6)
	eventually(t, "the deadline passes", func() bool { return bootclock.Now() >= until })
	close(release)
	v.await("all is gone", func(s guard.Status) bool { return s.Lapsed && s.Gone("vip") })
	if k.did("add") > 1 {
		t.Error("an address was added after the deadline")
	}
}

// TestHangingHands lets the kernel hold the hands: the gate closes all the same.
func TestHangingHands(t *testing.T) {
	k := newKernel()
	g := start(t, k)
	v := g.connect(t)
	v.order(time.Minute, vip)
	v.await("it is held", held)
	release := make(chan struct{})
	k.on("remove", func() { <-release })
	v.order(time.Minute)
	eventually(t, "the gate is closed", func() bool { return k.did("close") == 1 })
	status := v.await("it is being released", func(s guard.Status) bool { return !s.Gone("vip") })
	if a := status.Units[0].Addresses[0]; a.Phase != guard.Releasing {
		t.Errorf("it is %s", a.Phase)
	}
	close(release)
	v.await("it is gone", func(s guard.Status) bool { return s.Gone("vip") })
}

func TestConflicts(t *testing.T) {
	k := newKernel()
	k.stranger = "02:00:00:00:00:07"
	k.foreign[vip6] = true
	g := start(t, k)
	v := g.connect(t)
	v.order(time.Minute, vip)
	s := v.await("a stranger has it", func(s guard.Status) bool {
		return len(s.Units) > 0 && s.Units[0].Addresses[0].Phase == guard.Contested
	})
	if why := s.Units[0].Addresses[0].Why; why != "02:00:00:00:00:07 has it" {
		t.Errorf("it is contested since %s", why)
	}
	k.mu.Lock()
	k.stranger = ""
	k.mu.Unlock()
	v.await("it is held", held)
	v.order(time.Minute, vip6)
	s = v.await("this machine has it", func(s guard.Status) bool {
		return len(s.Units) > 0 && s.Units[0].Addresses[0].Phase == guard.Contested
	})
	if why := s.Units[0].Addresses[0].Why; why != "this machine itself has it" {
		t.Errorf("it is contested since %s", why)
	}
}

func TestNewestSupervisorWins(t *testing.T) {
	g := start(t, newKernel())
	first := g.connect(t)
	first.order(time.Minute, vip)
	first.await("it is held", held)
	second := g.connect(t)
	for msg := first.receive(); msg.Bye != wire.ByeNewer; msg = first.receive() {
		if msg.Status == nil {
			t.Fatalf("it says %+v", msg)
		}
	}
	if _, err := first.Receive(); err == nil {
		t.Error("the connection does not end")
	}
	second.await("it is held still", held)
	second.order(time.Minute)
	second.await("it is gone", func(s guard.Status) bool { return s.Gone("vip") })
}

// TestDeafSupervisor lets a supervisor stop that never reads: the guard neither waits for it nor forgets the deadline.
func TestDeafSupervisor(t *testing.T) {
	g := start(t, newKernel())
	deaf := g.connect(t)
	if u, ok := deaf.Conn.Conn.(*net.UnixConn); !ok || u.SetReadBuffer(1) != nil {
		t.Fatal("no small buffer")
	}
	for i := range 3000 {
		deaf.number++
		o := guard.Order{Number: deaf.number, Until: bootclock.Now().Add(10 * time.Second)}
		if i%2 == 0 {
			o.Units = []guard.Unit{{Resource: strings.Repeat("x", 100), Epoch: 1, Addresses: []guard.Address{vip}}}
		}
		if err := deaf.Send(wire.ToGuard{Order: &o}); err != nil {
			break // it was given up
		}
	}
	next := g.connect(t)
	next.order(time.Minute, vip)
	next.await("it is held", held)
}

func TestWatches(t *testing.T) {
	k := newKernel()
	k.watch = errMadeUp
	g := start(t, k)
	v := g.connect(t)
	v.order(time.Minute, vip)
	v.await("it is held", held)
	eventually(t, "the watch is begun again", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.watch == nil && k.tell != nil })
	announced := k.did("announce")
	k.mu.Lock()
	tell := k.tell
	k.mu.Unlock()
	tell(guard.LinkUp{Interface: "eth0"})
	eventually(t, "it is announced on the link that came up", func() bool { return k.did("announce") > announced })
	k.mu.Lock()
	delete(k.links, vip)
	k.mu.Unlock()
	tell(guard.Changed{})
	eventually(t, "it is brought back", func() bool { return g.holds(vip) })
}

func TestEndsWithNothingLeft(t *testing.T) {
	g := start(t, newKernel())
	v := g.connect(t)
	v.order(time.Minute, vip, vip6)
	v.await("they are held", held)
	if err := g.end(); err != nil {
		t.Error(err)
	}
	if !g.empty() {
		t.Errorf("it left %v behind %v", g.links, g.gates)
	}
	if _, err := os.Stat(g.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is there still: %v", err)
	}
}

// TestEndsWithTheKernelStuck tells the guard to end while the kernel holds its hands.
func TestEndsWithTheKernelStuck(t *testing.T) {
	k := newKernel()
	g := start(t, k)
	v := g.connect(t)
	v.order(time.Minute, vip)
	v.await("it is held", held)
	release := make(chan struct{})
	defer close(release)
	k.on("remove", func() { <-release })
	g.mayFail = true
	err := g.end()
	if err == nil || !strings.Contains(err.Error(), "not everything was let go") || !strings.Contains(err.Error(), "the kernel does not answer") {
		t.Errorf("it ends with %v", err)
	}
}

func TestOneGuardPerSocket(t *testing.T) {
	g := start(t, newKernel())
	k := newKernel()
	err := Run(t.Context(), Options{Socket: g.socket, Hands: k, Gate: k})
	if !errors.Is(err, ErrRunning) {
		t.Errorf("a second guard ends with %v", err)
	}
	g.connect(t)
	info, err := os.Stat(g.socket)
	if err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("the socket has mode %v: %v", info.Mode(), err)
	}
}

func TestSocketOfADeadGuard(t *testing.T) {
	k := newKernel()
	g := start(t, k)
	if err := g.end(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, release, err := listen(t.Context(), g.socket)
	if err != nil {
		t.Fatal(err)
	}
	if l.Addr().String() != g.socket {
		t.Errorf("it listens on %s", l.Addr())
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestSocketPathTooLong(t *testing.T) {
	_, _, err := listen(t.Context(), "/tmp/"+strings.Repeat("x", pathMax))
	if err == nil || !strings.Contains(err.Error(), "107") {
		t.Errorf("it says %v", err)
	}
}

// stuck is a reader of logs that reads nothing until it is told to.
type stuck struct {
	lines
	gate chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.gate
	return s.lines.Write(p)
}

func TestLogNeverWaits(t *testing.T) {
	w := &stuck{gate: make(chan struct{})}
	l := NewLog(w)
	for range 3 * linesMax {
		if _, err := l.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
	}
	close(w.gate)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := w.String(); !strings.Contains(got, "lines of the log were dropped") || strings.Count(got, "line\n") < linesMax {
		t.Errorf("%d lines, %q", strings.Count(got, "line\n"), got[:min(len(got), 200)])
	}
}

func TestLogGivesUpOnAStuckReader(t *testing.T) {
	w := &stuck{gate: make(chan struct{})}
	defer close(w.gate)
	l := NewLog(w)
	if _, err := l.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err == nil {
		t.Error("it does not say that nobody reads")
	}
}
