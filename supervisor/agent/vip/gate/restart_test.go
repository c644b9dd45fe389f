// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
)

// hold is a process that sets a deadline and says which, and waits to be killed.
func hold(class, pins, addr, lead string) int {
	g, err := gate.Open(gate.Options{Class: gate.Class(class), Pin: pins, Name: "test"})
	var until int64
	var held time.Duration
	if err == nil {
		held, err = time.ParseDuration(lead)
	}
	if err == nil {
		until, err = gate.Now()
		until += held.Nanoseconds()
	}
	if err == nil {
		err = g.Set(netip.MustParseAddr(addr), eth0, until)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(until)
	select {}
}

// TestKill kills the process that holds the gate: the address passes until the deadline, and not from then on, until another process opens it.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		patiently(t, func(lead time.Duration) bool {
			cmd := exec.CommandContext(t.Context(), self, "hold", string(class), b.pins, b.vip.String(), lead.String())
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			must(t, err)
			b.host.Start(cmd)
			line, err := bufio.NewReader(out).ReadString('\n')
			must(t, err)
			until, err := strconv.ParseInt(line[:len(line)-1], 10, 64)
			must(t, err)
			slow := now(t) - (until - lead.Nanoseconds()) // the class timed-set may be late by as much
			if class == gate.ClassGate {
				slow = 0
			}
			must(t, cmd.Process.Kill())
			_ = cmd.Wait() // it was killed

			answered := b.ask(until + silence.Nanoseconds() + slow)
			for _, sent := range answered {
				if sent >= until+slow {
					t.Errorf("answered what was sent %v after the deadline", time.Duration(sent-until))
				}
			}
			return len(answered) > 0
		})
		if b.answers(b.vip, silence) {
			t.Error("closed, and it answers")
		}
		g := b.open(class)
		entries, err := g.Entries()
		if err != nil || len(entries) != 1 || entries[0].Addr != b.vip || entries[0].Interface != eth0 || entries[0].Until > now(t) {
			t.Errorf("found %v, %v", entries, err)
		}
		if b.answers(b.vip, silence) {
			t.Error("opening it let something pass")
		}
		b.mustSet(g, time.Hour)
		if !b.answers(b.vip, patience) {
			t.Error("set again, and it does not answer")
		}
		b.clearAndClose(g)
	})
}

// TestReopen opens a gate with an address that may pass: nothing is lost.
func TestReopen(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		until := b.mustSet(g, time.Hour)
		other := netip.MustParseAddr("10.9.9.9")
		must(t, g.Set(other, eth0, 0))
		if !b.answers(b.vip, patience) {
			t.Error("it does not answer")
		}
		for range 3 {
			must(t, g.Close())
			if !b.answers(b.vip, patience) {
				t.Error("between, it does not answer")
			}
			g = b.open(class)
			entries, err := g.Entries()
			must(t, err)
			want := map[netip.Addr]int64{b.vip: until, other: 0}
			for _, e := range entries {
				late := time.Duration(e.Until - want[e.Addr]).Abs()
				if _, known := want[e.Addr]; !known || e.Interface != eth0 || late > patience || class == gate.ClassGate && late != 0 {
					t.Errorf("found %+v", e)
				}
			}
			if len(entries) != 2 || !b.answers(b.vip, patience) {
				t.Errorf("found %v; or it does not answer", entries)
			}
		}
		b.mustSet(g, 0)
		if b.answers(b.vip, silence) {
			t.Error("closed, and it answers")
		}
		must(t, g.Clear(other, eth0))
		b.clearAndClose(g)
	})
}

// TestInterfaceAgain removes the interface and makes one of the same name.
func TestInterfaceAgain(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		prefix := b.vip.String() + map[bool]string{true: "/24", false: "/64"}[b.vip.Is4()]
		b.host.Run("ip", "address", "flush", "dev", eth0)
		b.host.Set("net/ipv4/conf/all/arp_ignore", "1") // eth0 is not to answer for mv0
		for range 2 {
			b.host.Run("ip", "link", "add", "mv0", "link", eth0, "type", "macvlan", "mode", "bridge")
			b.host.Run("ip", "link", "set", "mv0", "up")
			b.host.Run("ip", "address", "add", prefix, "dev", "mv0", "nodad")
			must(t, g.Set(b.vip, "mv0", now(t)+time.Hour.Nanoseconds()))
			_, _ = b.client.Try("ip", "neigh", "flush", "to", b.vip.String())
			if !b.answers(b.vip, patience) {
				t.Error("open, and it does not answer")
			}
			must(t, g.Set(b.vip, "mv0", 0))
			if b.answers(b.vip, silence) || b.learned() {
				t.Error("closed, and something passes")
			}
			b.host.Run("ip", "link", "del", "mv0")
		}
		entries, err := g.Entries()
		if err != nil || len(entries) != 2 || entries[0].Interface != "" || entries[1].Interface != "" {
			t.Errorf("with the interface gone: %v, %v", entries, err)
		}
		must(t, g.Close())
		g = b.open(class)
		must(t, g.Clear(b.vip, ""))
		if entries, err := g.Entries(); err != nil || len(entries) != 0 {
			t.Errorf("cleared: %v, %v", entries, err)
		}
		must(t, g.Close())
	})
}

// TestTornDown has somebody else take the gate away: Set brings it back within a moment, and so does opening it.
func TestTornDown(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		b.mustSet(g, time.Hour)
		if class == gate.ClassGate {
			must(t, gate.DetachByForce(g))
		} else {
			b.host.Run("nft", "flush", "ruleset")
		}
		eventually(t, "it is closed", func() bool {
			b.mustSet(g, 0)
			return !b.answers(b.vip, silence)
		})
		if class == gate.ClassGate {
			must(t, gate.DetachByForce(g))
			must(t, g.Close())
			g = b.open(class)
			if b.answers(b.vip, silence) {
				t.Error("opened after it was taken away, and it answers")
			}
		}
		b.clearAndClose(g)
	})
}

// TestHalf finds what a process leaves that dies while it attaches: one direction of two.
func TestHalf(t *testing.T) {
	for _, missing := range []string{"*-in", "*-out"} {
		b := newBench(t, "ipv4")
		g := b.open(gate.ClassGate)
		b.mustSet(g, 0)
		must(t, g.Close())
		pins, err := filepath.Glob(filepath.Join(b.pins, "test-v1", missing))
		if err != nil || len(pins) != 1 {
			t.Fatalf("pins %s: %v, %v", missing, pins, err)
		}
		must(t, os.Remove(pins[0]))
		g = b.open(gate.ClassGate)
		if b.answers(b.vip, silence) || b.sent(b.vip) {
			t.Errorf("without %s, something passes", missing)
		}
		b.mustSet(g, time.Hour)
		if !b.answers(b.vip, patience) {
			t.Errorf("without %s: opened, and it does not answer", missing)
		}
		b.clearAndClose(g)
	}
}

// TestOtherPins finds a map that is not ours where ours should be: the next class is taken, and the reason is told.
func TestOtherPins(t *testing.T) {
	b := newBench(t, "ipv4")
	must(t, b.open(gate.ClassGate).Close()) // it mounts the file system
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1})
	must(t, err)
	defer m.Close()
	must(t, os.Mkdir(filepath.Join(b.pins, "test-v1"), 0o700))
	must(t, m.Pin(filepath.Join(b.pins, "test-v1", "deadlines")))
	g := b.open("")
	if g.Class() != gate.ClassTimedSet || !strings.Contains(g.Why(), "deadlines is not ours") {
		t.Errorf("class %s, why %q", g.Class(), g.Why())
	}
	must(t, g.Close())
}

// TestFirst has a program on the interface that ends the hook for every packet. The gate is asked before it.
func TestFirst(t *testing.T) {
	b := newBench(t, "ipv4")
	const pass = 0 // TCX_PASS
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()},
	})
	must(t, err)
	defer program.Close()
	for _, where := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		var l link.Link
		b.host.Do(func() {
			var iface *net.Interface
			if iface, err = net.InterfaceByName(eth0); err == nil {
				l, err = link.AttachTCX(link.TCXOptions{Interface: iface.Index, Program: program, Attach: where})
			}
		})
		must(t, err)
		defer l.Close()
	}
	g := b.open(gate.ClassGate)
	b.mustSet(g, time.Hour)
	if !b.answers(b.vip, patience) {
		t.Error("open, and it does not answer")
	}
	b.mustSet(g, 0)
	if b.answers(b.vip, silence) || b.sent(b.vip) {
		t.Error("closed, and something passes")
	}
	b.clearAndClose(g)
}

func TestPinDir(t *testing.T) {
	if dir := gate.PinDir("/run/evenkeel"); dir != "/run/evenkeel/bpf" && dir != "/sys/fs/bpf/evenkeel" {
		t.Error(dir)
	}
}

// TestTwoInterfaces has one address on two interfaces: each has a deadline of its own, and one is cleared without the other.
func TestTwoInterfaces(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		b.host.Run("ip", "link", "add", "mv0", "link", eth0, "type", "macvlan", "mode", "bridge")
		b.mustSet(g, time.Hour)
		must(t, g.Set(b.vip, "mv0", 0))
		if !b.answers(b.vip, patience) {
			t.Error("open on its interface, and it does not answer")
		}
		b.mustSet(g, 0)
		must(t, g.Set(b.vip, "mv0", now(t)+time.Hour.Nanoseconds()))
		must(t, g.Clear(b.vip, "mv0"))
		entries, err := g.Entries()
		if err != nil || len(entries) != 1 || entries[0].Interface != eth0 || b.answers(b.vip, silence) {
			t.Errorf("closed on its interface: %v, %v; or it answers", entries, err)
		}
		b.clearAndClose(g)
	})
}
