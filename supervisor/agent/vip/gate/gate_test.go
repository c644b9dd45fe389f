// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

const (
	// patience bounds every wait; nothing is asserted about speed.
	patience = 30 * time.Second
	// silence is how long an answer is waited for that should not come.
	silence = 100 * time.Millisecond
	// port is that of the echo server.
	port = 7
	// eth0 is the interface of every host.
	eth0 = segment.Interface
)

// bench is a host with a virtual address, an echo server on it, and a client.
type bench struct {
	t            testing.TB
	host, client *segment.Host
	vip, own     netip.Addr // of the host
	clientAddr   netip.Addr
	pins         string
}

// TestMain makes the test binary the process that TestKill kills, when it is called as that.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "hold" {
		os.Exit(hold(os.Args[2], os.Args[3], os.Args[4], os.Args[5]))
	}
	os.Exit(m.Run())
}

func newBench(t testing.TB, family string) *bench {
	t.Helper()
	s := segment.New(t)
	b := &bench{t: t, pins: filepath.Join(t.TempDir(), "bpf")}
	host, client, prefix, vip := "10.1.0.1/24", "10.1.0.2/24", "/24", "10.1.0.100"
	if family == "ipv6" {
		host, client, prefix, vip = "fd00:1::1/64", "fd00:1::2/64", "/64", "fd00:1::100"
	}
	b.host, b.client = s.Host(host), s.Host(client)
	b.vip, b.own, b.clientAddr = netip.MustParseAddr(vip), netip.MustParsePrefix(host).Addr(), netip.MustParsePrefix(client).Addr()
	b.host.Run("ip", "address", "add", vip+prefix, "dev", eth0, "nodad")
	t.Cleanup(func() {
		if err := unix.Unmount(b.pins, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			t.Error(err)
		}
	})
	b.serve(b.vip)
	b.serve(b.own)
	return b
}

func (b *bench) serve(addr netip.Addr) {
	b.t.Helper()
	server := b.listen(b.host, netip.AddrPortFrom(addr, port))
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := server.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = server.WriteToUDPAddrPort(buf[:n], from) // the client sees what is lost
			}
		}
	}()
}

func (b *bench) listen(h *segment.Host, at netip.AddrPort) *net.UDPConn {
	b.t.Helper()
	var conn *net.UDPConn
	var err error
	h.Do(func() { conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)) })
	must(b.t, err)
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answers reports whether the address answers the client within the time.
func (b *bench) answers(addr netip.Addr, within time.Duration) bool {
	b.t.Helper()
	conn := b.listen(b.client, netip.AddrPortFrom(b.clientAddr, 0))
	defer conn.Close()
	must(b.t, conn.SetReadDeadline(time.Now().Add(within)))
	buf := make([]byte, 64)
	for i := 0; ; i++ {
		_, err := conn.WriteToUDPAddrPort([]byte("hello"), netip.AddrPortFrom(addr, port))
		if err == nil {
			_, _, err = conn.ReadFromUDPAddrPort(buf)
		}
		if err == nil {
			return true
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		time.Sleep(time.Millisecond) // the neighbour's answer to ARP may not have come
	}
}

func (b *bench) open(class gate.Class) *gate.Gate {
	b.t.Helper()
	var g *gate.Gate
	var err error
	b.host.Do(func() { g, err = gate.Open(gate.Options{Class: class, Pin: b.pins, Name: "test"}) })
	must(b.t, err)
	return g
}

// learned reports whether the client finds the address's neighbour when it has forgotten it.
func (b *bench) learned() bool {
	b.t.Helper()
	_, _ = b.client.Try("ip", "neigh", "flush", "to", b.vip.String()) // it may know none
	b.answers(b.vip, silence)
	return strings.Contains(b.client.Run("ip", "neigh", "show", "to", b.vip.String()), "lladdr")
}

// sent reports whether a packet of the host from the virtual address arrives at the client.
func (b *bench) sent(from netip.Addr) bool {
	b.t.Helper()
	sink := b.listen(b.client, netip.AddrPortFrom(b.clientAddr, 9))
	defer sink.Close()
	source := b.listen(b.host, netip.AddrPortFrom(from, 0))
	_, _ = source.WriteToUDPAddrPort([]byte("hello"), netip.AddrPortFrom(b.clientAddr, 9)) // the sink tells
	must(b.t, sink.SetReadDeadline(time.Now().Add(silence)))
	_, _, err := sink.ReadFromUDPAddrPort(make([]byte, 64))
	return err == nil
}

func (b *bench) mustSet(g *gate.Gate, in time.Duration) int64 {
	b.t.Helper()
	until, inTime := b.trySet(g, in)
	if !inTime {
		b.t.Fatalf("it took longer than %v", in)
	}
	return until
}

// trySet reports whether the machine was fast enough.
func (b *bench) trySet(g *gate.Gate, in time.Duration) (until int64, inTime bool) {
	b.t.Helper()
	until = now(b.t) + in.Nanoseconds()
	err := g.Set(b.vip, eth0, until)
	if errors.Is(err, gate.ErrLate) {
		return until, false
	}
	must(b.t, err)
	return until, true
}

func now(t testing.TB) int64 {
	t.Helper()
	at, err := gate.Now()
	must(t, err)
	return at
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", patience, what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// each runs a test for the classes that close something, and both IP versions.
func each(t *testing.T, test func(t *testing.T, b *bench, class gate.Class)) {
	for _, class := range []gate.Class{gate.ClassGate, gate.ClassTimedSet} {
		for _, family := range []string{"ipv4", "ipv6"} {
			t.Run(fmt.Sprintf("%s/%s", class, family), func(t *testing.T) { test(t, newBench(t, family), class) })
		}
	}
}

func TestOpenAndClosed(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		if g.Class() != class {
			t.Fatalf("class %s: %s", g.Class(), g.Why())
		}
		must(t, g.Prepare(eth0))
		if !b.answers(b.vip, patience) {
			t.Error("it was not set, and it does not answer")
		}
		for range 2 {
			b.mustSet(g, time.Hour)
			if !b.answers(b.vip, patience) {
				t.Error("open, and it does not answer")
			}
			b.mustSet(g, 0)
			if b.answers(b.vip, silence) || b.sent(b.vip) || b.learned() {
				t.Error("closed, and something passes")
			}
			if !b.answers(b.own, patience) || !b.sent(b.own) {
				t.Error("what is not gated does not pass")
			}
		}
		must(t, g.Clear(b.vip, eth0))
		must(t, g.Clear(b.vip, eth0))
		if !b.answers(b.vip, patience) {
			t.Error("cleared, and it does not answer")
		}
		must(t, g.Close())
		if left, err := filepath.Glob(filepath.Join(b.pins, "test*")); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if left := b.host.Run("nft", "list", "ruleset"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
}

// TestDeadline has a client ask all the time. No request that was sent at or after the deadline is answered.
func TestDeadline(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		patiently(t, func(lead time.Duration) bool {
			b.mustSet(g, time.Hour)
			if !b.answers(b.vip, patience) {
				t.Fatal("open, and it does not answer")
			}
			start := now(t)
			until, inTime := b.trySet(g, lead)
			if !inTime {
				return false
			}
			slow := now(t) - start // the class timed-set may be late by as much
			if class == gate.ClassGate {
				slow = 0
			}
			answered := b.ask(until + silence.Nanoseconds() + slow)
			for _, sent := range answered {
				if sent >= until+slow {
					t.Errorf("answered what was sent %v after the deadline", time.Duration(sent-until))
				}
			}
			return len(answered) > 0
		})
		b.mustSet(g, time.Hour)
		if !b.answers(b.vip, patience) {
			t.Error("opened again, and it does not answer")
		}
		b.clearAndClose(g)
	})
}

// patiently tries with more and more time until a deadline, until the machine is fast enough for something to be answered before.
func patiently(t *testing.T, try func(lead time.Duration) bool) {
	t.Helper()
	for lead := 300 * time.Millisecond; lead < patience; lead *= 2 {
		if try(lead) {
			return
		}
	}
	t.Error("nothing was answered before the deadline")
}

// pause is how long ask waits between requests, so that it does not take all of a processor.
const pause = 200 * time.Microsecond

// ask sends requests with the time of sending in them until then, and returns those that came back.
func (b *bench) ask(until int64) []int64 {
	b.t.Helper()
	conn := b.listen(b.client, netip.AddrPortFrom(b.clientAddr, 0))
	var answered []int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64)
		for {
			n, _, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if sent, err := strconv.ParseInt(string(buf[:n]), 10, 64); err == nil {
				answered = append(answered, sent)
			}
		}
	}()
	for at := now(b.t); at < until; at = now(b.t) {
		_, _ = conn.WriteToUDPAddrPort([]byte(strconv.FormatInt(at, 10)), netip.AddrPortFrom(b.vip, port)) // what is lost is what is asked
		time.Sleep(pause)
	}
	must(b.t, conn.SetReadDeadline(time.Now().Add(silence)))
	<-done
	return answered
}

func (b *bench) clearAndClose(g *gate.Gate) {
	b.t.Helper()
	must(b.t, g.Clear(b.vip, eth0))
	must(b.t, g.Close())
}
