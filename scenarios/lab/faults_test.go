// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// matrix says who reaches whom on a network: one line per node, "n1: n2 n3".
func matrix(t *testing.T, w lab.World, network int) string {
	t.Helper()
	var b strings.Builder
	for _, from := range w.Nodes() {
		b.WriteString(from.Name() + ":")
		for _, to := range w.Nodes() {
			if from != to && reaches(t, from, to, network) {
				b.WriteString(" " + to.Name())
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestCuts(t *testing.T) {
	l := newLab(t, "th", 3)
	n1, n2, n3 := l.Node("n1"), l.Node("n2"), l.Node("n3")
	for _, n := range l.Nodes() {
		startApp(t, n)
	}
	const all = "n1: n2 n3\nn2: n1 n3\nn3: n1 n2\n"
	const without3 = "n1: n2\nn2: n1\nn3:\n"
	steps := []struct {
		name             string
		fault            func() (time.Time, error)
		service, railTwo string
	}{
		{"nothing", l.HealAll, all, all},
		{"cut n3", func() (time.Time, error) { return l.Cut(n3) }, without3, without3},
		{"cut n3 again", func() (time.Time, error) { return l.Cut(n3) }, without3, without3},
		{"heal n3", func() (time.Time, error) { return l.Heal(n3) }, all, all},
		{"cut rail 2 of n3", func() (time.Time, error) { return l.CutRail(2, n3) }, all, without3},
		{"cut the service network of n1 too", func() (time.Time, error) { return l.CutRail(0, n1) }, "n1:\nn2: n3\nn3: n2\n", without3},
		{"heal all", l.HealAll, all, all},
		{"cut n1 from n2", func() (time.Time, error) { return l.CutPair(n1, n2) }, "n1: n3\nn2: n3\nn3: n1 n2\n", "n1: n3\nn2: n3\nn3: n1 n2\n"},
		{"heal n1", func() (time.Time, error) { return l.Heal(n1) }, all, all},
		{"cut two nodes", func() (time.Time, error) { return l.Cut(n1, n2) }, "n1:\nn2:\nn3:\n", "n1:\nn2:\nn3:\n"},
		{"heal one of them", func() (time.Time, error) { return l.Heal(n2) }, "n1:\nn2: n3\nn3: n2\n", "n1:\nn2: n3\nn3: n2\n"},
		{"heal all again", l.HealAll, all, all},
	}
	for _, step := range steps {
		before := time.Now()
		at, err := step.fault()
		if err != nil || at.Before(before) || at.After(time.Now()) {
			t.Fatalf("%s: at %v, %v", step.name, at, err)
		}
		if got := matrix(t, l, 0); got != step.service {
			t.Errorf("%s: service network\n%swant\n%s", step.name, got, step.service)
		}
		if got := matrix(t, l, 2); got != step.railTwo {
			t.Errorf("%s: rail 2\n%swant\n%s", step.name, got, step.railTwo)
		}
	}
	if out, err := n1.Run(t.Context(), "cat", "/sys/class/net/eth0/carrier"); err != nil || string(out) != "1\n" {
		t.Errorf("carrier %q, %v", out, err)
	}
	if _, err := l.CutRail(3, n1); err == nil {
		t.Error("a rail that is not there was cut")
	}
}

// TestCutOneWay sends datagrams both ways: TCP would stand still with either direction gone.
func TestCutOneWay(t *testing.T) {
	l := newLab(t, "ti", 2)
	n1, n2 := l.Node("n1"), l.Node("n2")
	one, two := datagrams(t, n1), datagrams(t, n2)
	say := func(from net.PacketConn, to *lab.Node) {
		if _, err := from.WriteTo([]byte("hello"), &net.UDPAddr{IP: to.IP(1).AsSlice(), Port: 9000}); err != nil {
			t.Error(err)
		}
	}
	// Both know each other's link address before the cut: ARP needs both directions.
	say(one, n2)
	say(two, n1)
	if !hears(t, one, patience) || !hears(t, two, patience) {
		t.Fatal("datagrams are lost before the cut")
	}
	if _, err := l.CutOneWay(n1, n2); err != nil {
		t.Fatal(err)
	}
	say(one, n2)
	say(two, n1)
	if !hears(t, one, patience) {
		t.Error("the open direction is cut")
	}
	if hears(t, two, 100*time.Millisecond) {
		t.Error("the cut direction is open")
	}
	if _, err := l.Heal(n2); err != nil {
		t.Fatal(err)
	}
	say(one, n2)
	if !hears(t, two, patience) {
		t.Error("the healed direction is cut")
	}
}

func datagrams(t *testing.T, n *lab.Node) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	err := n.InNetwork(func() error {
		var err error
		conn, err = (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", n.IP(1).String()+":9000")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func hears(t *testing.T, conn net.PacketConn, wait time.Duration) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	_, _, err := conn.ReadFrom(make([]byte, 100))
	return err == nil
}

func TestDial(t *testing.T) {
	l := newLab(t, "tj", 2)
	n1, n2 := l.Node("n1"), l.Node("n2")
	startApp(t, n2)
	if _, err := n1.Dial(t.Context(), "tcp", n2.IP(0).String()+":1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("closed port: %v", err)
	}
	if _, err := n1.Dial(t.Context(), "tcp", "localhost:1"); err == nil {
		t.Error("a name was dialled")
	}
	if _, err := n1.Dial(t.Context(), "ip", "10.77.0.2:1"); err == nil {
		t.Error("an unknown network was dialled")
	}
	conn, err := n1.Dial(t.Context(), "tcp", n2.IP(0).String()+":8080")
	if err != nil {
		t.Fatal(err)
	}
	if conn.LocalAddr().(*net.TCPAddr).IP.String() != n1.IP(0).String() {
		t.Errorf("the connection comes from %s", conn.LocalAddr())
	}
	if _, err := io.WriteString(conn, "GET /?delay=10s HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Cut(n2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = n1.Dial(ctx, "tcp", n2.IP(0).String()+":8080")
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("dial into a black hole: %v, want a timeout", err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read from a black hole: %v, want a timeout", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestPowerOffIsSilent: the peer of a machine that lost its power hears nothing, neither the end of the connection nor a
// reset.
func TestPowerOffIsSilent(t *testing.T) {
	l := newLab(t, "tk", 2)
	n1, n2 := l.Node("n1"), l.Node("n2")
	startApp(t, n2)
	conn, err := n1.Dial(t.Context(), "tcp", n2.IP(0).String()+":8080")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := l.PowerOff(n2); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read: %v, want silence", err)
	}
}
