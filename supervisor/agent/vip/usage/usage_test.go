// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

// patience bounds every wait; nothing is asserted about speed.
const patience = 30 * time.Second

var (
	vip4, vip6, other4 = netip.MustParseAddr("10.0.0.100"), netip.MustParseAddr("2001:db8::100"), netip.MustParseAddr("10.0.0.1")
	both               = []netip.Addr{vip4, vip6}
)

// stand is a machine with virtual addresses and a client of it.
type stand struct {
	t              testing.TB
	server, client *segment.Host
	sockets        *Sockets
}

func newStand(t testing.TB) *stand {
	t.Helper()
	s := segment.New(t)
	st := &stand{t: t, server: s.Host("10.0.0.1/24", "10.0.0.100/24", "2001:db8::100/64"), client: s.Host("10.0.0.2/24", "2001:db8::2/64")}
	var err error
	st.server.Do(func() { st.sockets, err = Open() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.sockets.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// listen listens on the server.
func (s *stand) listen(network, address string) net.Listener {
	s.t.Helper()
	var l net.Listener
	var err error
	s.server.Do(func() { l, err = net.Listen(network, address) })
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return l
}

// connect connects a host with a listener through one of the server's addresses, and returns both ends.
func (s *stand) connect(from *segment.Host, l net.Listener, to netip.Addr) (here, there net.Conn) {
	s.t.Helper()
	var err error
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	from.Do(func() { there, err = net.DialTimeout("tcp", netip.AddrPortFrom(to, port).String(), patience) })
	if err != nil {
		s.t.Fatal(err)
	}
	if here, err = l.Accept(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func (s *stand) used(addrs ...netip.Addr) bool {
	s.t.Helper()
	used, err := s.sockets.Used(s.t.Context(), addrs)
	if err != nil {
		s.t.Fatal(err)
	}
	return used
}

func (s *stand) eventually(want bool, addrs ...netip.Addr) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); s.used(addrs...) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%v: used is never %t", addrs, want)
		}
	}
}

func TestUsed(t *testing.T) {
	s := newStand(t)
	for name, c := range map[string]struct {
		network, listens string
		to               netip.Addr
		used, free       []netip.Addr
	}{
		"IPv4":                         {"tcp4", "0.0.0.0:0", vip4, both, []netip.Addr{vip6, other4}},
		"IPv6":                         {"tcp6", "[::]:0", vip6, both, []netip.Addr{vip4, other4}},
		"IPv4 on a socket of IPv6":     {"tcp", "[::]:0", vip4, both, []netip.Addr{vip6, other4}},
		"bound to the address":         {"tcp4", "10.0.0.100:0", vip4, []netip.Addr{vip4}, []netip.Addr{vip6, other4}},
		"another address of the node":  {"tcp4", "0.0.0.0:0", other4, []netip.Addr{vip6, vip4, other4}, both},
		"the last of the addresses":    {"tcp6", "[::]:0", vip6, []netip.Addr{vip4, other4, vip6}, []netip.Addr{other4, vip4}},
		"the first of many, over IPv6": {"tcp", "[::]:0", vip4, []netip.Addr{vip4, other4, vip6}, []netip.Addr{other4, vip6}},
	} {
		t.Run(name, func(t *testing.T) {
			l := s.listen(c.network, c.listens)
			if all := append(c.used, c.free...); s.used(all...) {
				t.Fatal("whoever listens is not connected")
			}
			here, there := s.connect(s.client, l, c.to)
			if !s.used(c.used...) {
				t.Error("nobody uses it")
			}
			if s.used(c.free...) {
				t.Errorf("%v are used", c.free)
			}
			there.Close()
			if _, err := io.ReadAll(here); err != nil {
				t.Fatal(err)
			}
			if !s.used(c.used...) {
				t.Error("what waits for our answer does not use it")
			}
			here.Close()
			s.eventually(false, c.used...)
		})
	}
}

// TestUsedByThisMachine: a program of the machine is a user like others.
func TestUsedByThisMachine(t *testing.T) {
	s := newStand(t)
	l := s.listen("tcp4", "0.0.0.0:0")
	here, there := s.connect(s.server, l, vip4)
	if !s.used(vip4) {
		t.Error("nobody uses it")
	}
	here.Close()
	there.Close()
	s.eventually(false, vip4)
}

// TestManyOthers asks among many connections of another address, whose end would not fit into one part of the answer.
func TestManyOthers(t *testing.T) {
	s := newStand(t)
	l := s.listen("tcp4", "0.0.0.0:0")
	for range 500 {
		s.connect(s.client, l, other4)
	}
	if s.used(both...) || !s.used(other4) {
		t.Error("it takes one address for another")
	}
	s.connect(s.client, l, vip4)
	if !s.used(both...) {
		t.Error("it does not find one among many")
	}
}

// TestManyAddresses asks for as many as can be asked for at once: the kernel takes the filter, and it means each of them.
func TestManyAddresses(t *testing.T) {
	s := newStand(t)
	l := s.listen("tcp", "[::]:0")
	s.connect(s.client, l, vip6)
	s.connect(s.client, l, vip4)
	for _, at := range []int{-1, 0, 1, AddressesMax / 2, AddressesMax - 1} {
		for _, used := range both {
			var addrs []netip.Addr
			for i := range AddressesMax {
				a := netip.AddrFrom4([4]byte{10, 1, byte(i), 1})
				if i%2 > 0 {
					a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 1, 15: byte(i)})
				}
				if i == at {
					a = used
				}
				addrs = append(addrs, a)
			}
			if got := s.used(addrs...); got != (at >= 0) {
				t.Errorf("%s at %d: used is %t", used, at, got)
			}
		}
	}
}

func TestBadQuestions(t *testing.T) {
	s := newStand(t)
	for name, addrs := range map[string][]netip.Addr{
		"none at all":        {{}},
		"any":                {vip4, netip.IPv4Unspecified()},
		"IPv4 within IPv6":   {netip.MustParseAddr("::ffff:10.0.0.100")},
		"the zero one of v6": {netip.IPv6Unspecified()},
	} {
		if used, err := s.sockets.Used(t.Context(), addrs); used || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %t, %v", name, used, err)
		}
	}
	if _, err := s.sockets.Used(t.Context(), make([]netip.Addr, AddressesMax+1)); err == nil {
		t.Error("it takes more than it can")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.sockets.Used(ctx, both); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on: %v", err)
	}
	if used, err := s.sockets.Used(t.Context(), nil); used || err != nil {
		t.Errorf("no address is used: %t, %v", used, err)
	}
	closed := &Sockets{}
	if _, err := closed.Used(t.Context(), both); err == nil {
		t.Error("what was not opened answers")
	}
}

// TestRefusals: an answer that is no list is an error, and never says that nobody is there.
func TestRefusals(t *testing.T) {
	if _, err := (&Sockets{}).ask(nil); err == nil {
		t.Error("there is no error")
	}
	s := newStand(t)
	bad := request(2, both)
	bad[16+requestSize+4] = 99 // no operation
	if found, err := s.sockets.ask(bad); found || err == nil {
		t.Errorf("a filter that is none: %t, %v", found, err)
	}
	strange := request(99, both)
	if found, err := s.sockets.ask(strange); found || err == nil {
		t.Errorf("a family that is none: %t, %v", found, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(request(2, both))
	f.Add([]byte{20, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		found, done, err := read(b)
		if found && !done || err != nil && found {
			t.Errorf("%t %t %v", found, done, err)
		}
	})
}

// BenchmarkUsed is one look at two addresses, among as many connections of another one.
func BenchmarkUsed(b *testing.B) {
	for name, connections := range map[string]int{"none": 0, "500": 500} {
		b.Run(name, func(b *testing.B) {
			s := newStand(b)
			l := s.listen("tcp4", "0.0.0.0:0")
			for range connections {
				s.connect(s.client, l, other4)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.used(both...)
			}
		})
	}
}
