// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
)

// trial is the interface that frames come from when a program is tried (bpf_prog_test_run_skb).
const trial = "lo"

// Parts of frames, in hexadecimal. The gated addresses are 10.0.0.100 and fd00::100; 10.0.0.101 and fd00::101 were never set.
const (
	macs    = "ffffffffffff 020000000001 "
	tag     = "8100 0064 "
	service = "88a8 0065 "
	ip4Head = "0800 45000020 00000000 40110000 "
	ip6Head = "86dd 60000000 0008 11 40 "
	arpHead = "0806 0001 0800 06 04 0001 020000000001 "
	noMAC   = "000000000000 "
	gated4  = "0a000064 "
	other4  = "0a000065 "
	gated6  = "fd000000000000000000000000000100 "
	other6  = "fd000000000000000000000000000101 "
	group6  = "ff0200000000000000000001ff000100 "
	udp     = "0007 0007 000c 0000 00000000"
)

// discovery is a packet of neighbour discovery about a target, from another address.
func discovery(kind, dst, target string) string {
	return "86dd 60000000 0018 3a ff " + other6 + dst + kind + "00 0000 00000000 " + target
}

func frame(t testing.TB, parts string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(parts, " ", ""))
	must(t, err)
	return b
}

func TestProgram(t *testing.T) {
	b := newBench(t, "ipv4")
	g := b.open(gate.ClassGate)
	gated := []netip.Addr{netip.MustParseAddr("10.0.0.100"), netip.MustParseAddr("fd00::100")}
	set := func(until int64) {
		for _, addr := range gated {
			must(t, g.Set(addr, trial, until))
		}
	}
	for _, c := range []struct {
		name    string
		frame   string
		matters bool
	}{
		{"IPv4 to it", ip4Head + other4 + gated4 + udp, true},
		{"IPv4 from it", ip4Head + gated4 + other4 + udp, true},
		{"IPv4 of others", ip4Head + other4 + other4 + udp, false},
		{"IPv4 to it, tagged", tag + ip4Head + other4 + gated4 + udp, true},
		{"IPv4 from it, tagged twice", service + tag + ip4Head + gated4 + other4 + udp, true},
		{"IPv4 of others, tagged twice", service + tag + ip4Head + other4 + other4 + udp, false},
		{"ARP, cut short", arpHead + other4 + noMAC + "0a00", false},
		{"ARP about it", arpHead + other4 + noMAC + gated4, true},
		{"ARP from it", arpHead + gated4 + noMAC + other4, true},
		{"ARP probe for it", arpHead + "00000000 " + noMAC + gated4, true},
		{"ARP about it, tagged", tag + arpHead + other4 + noMAC + gated4, true},
		{"ARP of others", arpHead + other4 + noMAC + other4, false},
		{"IPv6 to it", ip6Head + other6 + gated6 + udp, true},
		{"IPv6 from it", ip6Head + gated6 + other6 + udp, true},
		{"IPv6 of others", ip6Head + other6 + other6 + udp, false},
		{"IPv6 to it, tagged twice", tag + tag + ip6Head + other6 + gated6 + udp, true},
		{"solicitation for it", discovery("87", group6, gated6), true},
		{"solicitation for it, tagged", tag + discovery("87", group6, gated6), true},
		{"advertisement of it", discovery("88", other6, gated6), true},
		{"solicitation for another", discovery("87", group6, other6), false},
		{"echo that looks like a solicitation", discovery("80", other6, gated6), false},
		{"no IP", "88cc 0207 " + gated4 + gated4 + gated4 + gated6, false},
	} {
		bytes := frame(t, macs+c.frame)
		for until, want := range map[int64]uint32{0: gate.Drop, now(t) + time.Hour.Nanoseconds(): gate.Next} {
			if !c.matters {
				want = gate.Next
			}
			set(until)
			if got, err := gate.Judge(g, bytes); err != nil || got != want {
				t.Errorf("%s, until %d: %d, %v; want %d", c.name, until, int32(got), err, int32(want))
			}
		}
	}
	for _, addr := range gated {
		must(t, g.Clear(addr, trial))
	}
	must(t, g.Close())
}

// FuzzProgram has frames of any bytes, while one address is closed: each passes or is dropped, and none that does not hold its bytes is dropped.
func FuzzProgram(f *testing.F) {
	b := newBench(f, "ipv4")
	g := b.open(gate.ClassGate)
	must(f, g.Set(b.vip, trial, 0))
	f.Cleanup(func() {
		must(f, g.Clear(b.vip, trial))
		must(f, g.Close())
	})
	vip := string(b.vip.AsSlice())
	for _, parts := range []string{
		ip4Head + other4 + "0a010064" + udp, arpHead + other4 + noMAC + "0a010064", service + tag + ip4Head + "0a010064" + other4,
		discovery("87", group6, gated6),
	} {
		f.Add(frame(f, macs+parts))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) < 14 || len(packet) > 1500 {
			return // the kernel runs programs on no such frames
		}
		got, err := gate.Judge(g, packet)
		if err != nil {
			return // nor on those that it cannot make a packet of
		}
		if got != gate.Next && (got != gate.Drop || !strings.Contains(string(packet), vip)) {
			t.Errorf("%d for %x", int32(got), packet)
		}
	})
}
