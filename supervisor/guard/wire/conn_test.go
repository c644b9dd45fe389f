// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

func pair(t testing.TB) (*Conn[ToGuard, FromGuard], *Conn[FromGuard, ToGuard]) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return Guard(a), Supervisor(b)
}

// largest is an order of all that a guard takes, with the longest names.
func largest() guard.Order {
	o := guard.Order{Number: 1 << 63, Until: guard.Never}
	for i := range guard.UnitsMax {
		u := guard.Unit{Resource: fmt.Sprintf("%0128d", i), Epoch: 1 << 63}
		for k := range guard.AddressesMax / guard.UnitsMax {
			addr := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, byte(i), byte(k)})
			u.Addresses = append(u.Addresses, guard.Address{
				Prefix: netip.PrefixFrom(addr, 128), Interface: strings.Repeat("i", 15), Label: strings.Repeat("l", 15),
			})
		}
		o.Units = append(o.Units, u)
	}
	return o
}

func TestRoundTrip(t *testing.T) {
	g, s := pair(t)
	order := largest()
	extend := guard.Extend{Until: 7}
	said := []ToGuard{{Order: &order}, {Extend: &extend}}
	go func() {
		for _, m := range said {
			if err := s.Send(m); err != nil {
				t.Error(err)
			}
		}
	}()
	for _, want := range said {
		got, err := g.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	}
}

// TestLargestStatus sends what a machine has to say about the largest order, and about as much that nobody ordered, when every
// reason is as long as it may be and as hard to write.
func TestLargestStatus(t *testing.T) {
	m := guard.New()
	now := guard.Instant(time.Hour)
	order := largest()
	order.Until = now.Add(time.Second)
	seen := guard.Seen{}
	for i := range 2 * guard.AddressesMax {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		seen.Addresses = append(seen.Addresses, guard.Address{Prefix: netip.PrefixFrom(addr, 24), Interface: strings.Repeat("i", 15)})
	}
	todo := m.Step(now, seen)
	todo = append(todo, m.Step(now, order)...)
	for len(todo) > 0 {
		o := todo[0]
		todo = todo[1:]
		if o.Kind != guard.OpReport && o.Kind != guard.OpLook {
			todo = append(todo, m.Step(now, guard.Result{Op: o, Outcome: guard.Failed, Detail: strings.Repeat("\"\n", 1000)})...)
		}
	}
	status := m.Status()
	g, s := pair(t)
	go func() {
		if err := g.Send(FromGuard{Status: &status}); err != nil {
			t.Error(err)
			g.Close()
		}
	}()
	got, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	addresses := 0
	for _, u := range got.Status.Units {
		addresses += len(u.Addresses)
	}
	if want := 3 * guard.AddressesMax; addresses != want {
		t.Errorf("%d addresses of %d", addresses, want)
	}
}

func TestTooLong(t *testing.T) {
	g, s := pair(t)
	if err := g.Send(FromGuard{Bye: strings.Repeat("x", FrameMax)}); err == nil {
		t.Error("it sends what nobody would receive")
	}
	go func() { _, _ = g.Write(binary.BigEndian.AppendUint32(nil, FrameMax+1)) }()
	if _, err := s.Receive(); !errors.Is(err, ErrFrame) {
		t.Errorf("%v, want %v", err, ErrFrame)
	}
}

// reader is a connection on which these bytes come.
type reader struct {
	net.Conn
	*bytes.Reader
}

func (r reader) Read(p []byte) (int, error) { return r.Reader.Read(p) }

// FuzzReceive reads any bytes, and lets a guard step on what they say.
func FuzzReceive(f *testing.F) {
	frame := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	f.Add(frame(`{"extend":{"until":5}}`))
	f.Add(frame(`{"order":{"number":1,"until":9000000000,"units":[{"resource":"vip","epoch":3,"addresses":[{"prefix":"10.0.0.1/24","interface":"eth0"}]}]}}`))
	f.Add(frame(`{"order":{"until":-9223372036854775808,"units":[{"resource":"vip","addresses":[{"prefix":"","interface":""}]}]}}`))
	f.Add(frame(`{}`))
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Guard(reader{Reader: bytes.NewReader(data)})
		m := guard.New()
		now := guard.Instant(time.Second)
		m.Step(now, guard.Attached{})
		m.Step(now, guard.Seen{})
		for {
			said, err := c.Receive()
			if err != nil {
				break
			}
			if said.Order != nil {
				m.Step(now, *said.Order)
			}
			if said.Extend != nil {
				m.Step(now, *said.Extend)
			}
			now = now.Add(time.Millisecond)
		}
		for _, o := range m.Step(max(m.Until(), now), guard.Tick{}) {
			if o.Kind.NeedsRight() {
				t.Errorf("%s without right", o)
			}
		}
	})
}
