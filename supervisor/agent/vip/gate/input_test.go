// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		opts gate.Options
		want string
	}{
		{gate.Options{Pin: "/run/x"}, `name ""`},
		{gate.Options{Pin: "/run/x", Name: "a.b"}, `name "a.b"`},
		{gate.Options{Pin: "/run/x", Name: strings.Repeat("a", 21)}, "1 to 20"},
		{gate.Options{Pin: "x", Name: "a"}, "absolute"},
		{gate.Options{Class: gate.ClassGate, Name: "a"}, "absolute"},
		{gate.Options{Class: "best", Pin: "/run/x", Name: "a"}, `class "best"`},
	} {
		if g, err := gate.Open(c.opts); g != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.opts, err, c.want)
		}
	}
}

// TestChoice opens what there is: the best class, the next one where there can be no pins, and what is asked for.
func TestChoice(t *testing.T) {
	b := newBench(t, "ipv4")
	file := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		opts      gate.Options
		class     gate.Class
		why       string
		unchanged bool
	}{
		{gate.Options{Pin: b.pins}, gate.ClassGate, "", false},
		{gate.Options{Pin: "/proc/nothing"}, gate.ClassTimedSet, "no gate: make the folder for pins", false},
		{gate.Options{Class: gate.ClassTimedSet}, gate.ClassTimedSet, "class timed-set was asked for", false},
		{gate.Options{Class: gate.ClassAddress}, gate.ClassAddress, "class address was asked for", true},
	} {
		c.opts.Name = "test"
		var g *gate.Gate
		var err error
		b.host.Do(func() { g, err = gate.Open(c.opts) })
		must(t, err)
		if g.Class() != c.class || !strings.HasPrefix(g.Why(), c.why) || (c.why == "") != (g.Why() == "") {
			t.Errorf("%+v: class %s, why %q", c.opts, g.Class(), g.Why())
		}
		must(t, g.Set(b.vip, eth0, 0))
		within := silence
		if c.unchanged {
			within = patience
		}
		if b.answers(b.vip, within) != c.unchanged {
			t.Errorf("class %s: closed, answers: %v", c.class, !c.unchanged)
		}
		if entries, err := g.Entries(); err != nil || (len(entries) == 0) != c.unchanged {
			t.Errorf("class %s: entries %v, %v", c.class, entries, err)
		}
		b.clearAndClose(g)
	}
	b.host.Unprivileged(func() {
		g, err := gate.Open(gate.Options{Pin: b.pins + "-2", Name: "test"})
		if err != nil || g.Class() != gate.ClassAddress {
			t.Errorf("without privileges: %v, %v", g, err)
			return
		}
		for _, want := range []string{"no gate: mount", "give CAP_SYS_ADMIN", "; no timed-set: try nftables"} {
			if !strings.Contains(g.Why(), want) {
				t.Errorf("without privileges: %q, want %q", g.Why(), want)
			}
		}
		must(t, g.Close())
	})
	b.host.Run("touch", file)
	b.host.Do(func() {
		if _, err := gate.Open(gate.Options{Class: gate.ClassGate, Pin: file, Name: "test"}); !errors.Is(err, gate.ErrClass) {
			t.Errorf("pins on a file: %v", err)
		}
	})
}

func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, b *bench, class gate.Class) {
		g := b.open(class)
		for _, bad := range []netip.Addr{
			{}, netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::"), netip.MustParseAddr("224.0.0.1"),
		} {
			if err := g.Set(bad, eth0, 0); err == nil {
				t.Errorf("%s was set", bad)
			}
			if err := g.Clear(bad, eth0); err == nil {
				t.Errorf("%s was cleared", bad)
			}
		}
		for _, bad := range []string{"", "eth9", "a-name-that-is-too-long"} {
			for _, err := range []error{g.Set(b.vip, bad, 0), g.Prepare(bad)} {
				if !errors.Is(err, gate.ErrInterface) {
					t.Errorf("interface %q: %v", bad, err)
				}
			}
		}
		if entries, err := g.Entries(); err != nil || len(entries) != 0 || !b.answers(b.vip, patience) {
			t.Errorf("something was set: %v, %v", entries, err)
		}
		must(t, g.Set(b.vip, eth0, -1))
		if b.answers(b.vip, silence) {
			t.Error("a deadline before all time, and it answers")
		}
		b.clearAndClose(g)
	})
}

// TestNoEthernet asks for the gate on a tunnel.
func TestNoEthernet(t *testing.T) {
	b := newBench(t, "ipv4")
	g := b.open(gate.ClassGate)
	b.host.Run("ip", "tuntap", "add", "tun0", "mode", "tun")
	if err := g.Set(b.vip, "tun0", 0); !errors.Is(err, gate.ErrInterface) || gate.OnInterfaces(g) != 0 {
		t.Errorf("on a tunnel: %v", err)
	}
	must(t, g.Close())
}

func TestFull(t *testing.T) {
	b := newBench(t, "ipv4")
	g := b.open(gate.ClassGate)
	addr := netip.MustParseAddr("10.5.0.0")
	for range gate.AddressesMax {
		addr = addr.Next()
		must(t, g.Set(addr, eth0, 0))
	}
	if err := g.Set(b.vip, eth0, 0); !errors.Is(err, gate.ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	must(t, g.Set(addr, eth0, 1))
	for ; addr.Compare(netip.MustParseAddr("10.5.0.0")) > 0; addr = addr.Prev() {
		must(t, g.Clear(addr, eth0))
	}
	must(t, g.Close())
}

// TestLate sets deadlines that pass while the kernel is asked: the address is closed, and the caller is told.
func TestLate(t *testing.T) {
	b := newBench(t, "ipv4")
	g := b.open(gate.ClassTimedSet)
	b.mustSet(g, time.Hour)
	in := time.Duration(0)
	eventually(t, "a deadline passes meanwhile", func() bool {
		in = (in + 10*time.Microsecond) % time.Millisecond
		err := g.Set(b.vip, segment.Interface, now(t)+in.Nanoseconds())
		if err != nil && !errors.Is(err, gate.ErrLate) {
			t.Fatal(err)
		}
		return err != nil
	})
	if b.answers(b.vip, silence) {
		t.Error("too late, and it answers")
	}
	b.clearAndClose(g)
}
