// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

// mac is the address of a host's interface.
func mac(t *testing.T, h *segment.Host, iface string) string {
	t.Helper()
	fields := strings.Fields(h.Run("ip", "-o", "link", "show", "dev", iface))
	for i, f := range fields {
		if f == "link/ether" {
			return fields[i+1]
		}
	}
	t.Fatalf("no link/ether in %q", fields)
	return ""
}

func TestProbe(t *testing.T) {
	families(t, func(t *testing.T, s *segment.Segment, h *segment.Host, a vip.Address) {
		peer := s.Host(peer4, peer6)
		links, theirs := open(t, h, vip.Options{}), open(t, peer, vip.Options{})
		owner, taken, err := links.Probe(t.Context(), a, 100*time.Millisecond)
		if err != nil || taken || owner != nil {
			t.Errorf("free: %v, %v, %v", owner, taken, err)
		}
		must(t, theirs.Add(t.Context(), a, time.Minute))
		for range 3 {
			owner, taken, err = links.Probe(t.Context(), a, patience) // returns at the first answer
			if want := mac(t, peer, segment.Interface); err != nil || !taken || owner.String() != want {
				t.Errorf("taken: %v, %v, %v; want %s", owner, taken, err, want)
			}
		}
		// What we have ourselves is no conflict, on a macvlan neither.
		h.Run("ip", "link", "add", "mv0", "link", segment.Interface, "type", "macvlan", "mode", "bridge")
		h.Run("ip", "link", "set", "mv0", "up")
		must(t, theirs.Remove(t.Context(), a))
		must(t, links.Add(t.Context(), a, time.Minute))
		if owner, taken, err = links.Probe(t.Context(), a, 100*time.Millisecond); err != nil || taken {
			t.Errorf("our own: %v, %v, %v", owner, taken, err)
		}
		// The probe of the neighbour meets us.
		owner, _, err = theirs.Probe(t.Context(), a, patience)
		if want := mac(t, h, segment.Interface); err != nil || owner.String() != want {
			t.Errorf("ours, from the neighbour: %v, %v; want %s", owner, err, want)
		}
	})
}

// TestProbeAtOnce has two hosts probe for an address that nobody has: each hears of the other.
func TestProbeAtOnce(t *testing.T) {
	families(t, func(t *testing.T, s *segment.Segment, h *segment.Host, a vip.Address) {
		peer := s.Host(peer4, peer6)
		links, theirs := open(t, h, vip.Options{}), open(t, peer, vip.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				_, _, _ = theirs.Probe(ctx, a, 30*time.Millisecond) // it may hear of us as well
			}
		}()
		defer func() {
			cancel()
			<-done
		}()
		owner, taken, err := links.Probe(t.Context(), a, patience)
		if want := mac(t, peer, segment.Interface); err != nil || !taken || owner.String() != want {
			t.Errorf("%v, %v, %v; want %s", owner, taken, err, want)
		}
	})
}

func TestProbeEnds(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		links := open(t, h, vip.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, _, err := links.Probe(ctx, a, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		h.Plug("down")
		if _, _, err := links.Probe(t.Context(), a, time.Second); !errors.Is(err, vip.ErrDown) {
			t.Errorf("without carrier: %v", err)
		}
		a.Interface = "lo"
		if _, taken, err := links.Probe(t.Context(), a, time.Hour); err != nil || taken {
			t.Errorf("on loopback: %v, %v", taken, err)
		}
	})
}

// TestAnnounce moves the address from one host to another, and a third one, which knows the first, follows.
func TestAnnounce(t *testing.T) {
	families(t, func(t *testing.T, s *segment.Segment, h *segment.Host, a vip.Address) {
		first, client := s.Host(peer4, peer6), s.Host("10.1.0.3/24", "fd00:1::3/64")
		old, links := open(t, first, vip.Options{}), open(t, h, vip.Options{})
		knows := func(want string) bool {
			return strings.Contains(client.Run("ip", "neigh", "show", "to", a.Prefix.Addr().String()), want)
		}
		must(t, old.Add(t.Context(), a, time.Minute))
		send(t, client, a)
		eventually(t, "the client knows the first", func() bool { return knows(mac(t, first, segment.Interface)) })
		must(t, old.Remove(t.Context(), a))
		if err := old.Announce(t.Context(), a); !errors.Is(err, vip.ErrNotHeld) {
			t.Errorf("announce of what is not there: %v", err)
		}
		must(t, links.Add(t.Context(), a, time.Minute))
		eventually(t, "the client knows the second", func() bool {
			must(t, links.Announce(t.Context(), a)) // nobody has to hear the first one
			return knows(mac(t, h, segment.Interface))
		})

		h.Plug("down")
		if err := links.Announce(t.Context(), a); !errors.Is(err, vip.ErrDown) {
			t.Errorf("without carrier: %v", err)
		}
	})
}

// TestAnnounceMacvlan announces with the address of the interface that was named, not that of its parent.
func TestAnnounceMacvlan(t *testing.T) {
	families(t, func(t *testing.T, s *segment.Segment, h *segment.Host, a vip.Address) {
		client := s.Host(peer4, peer6)
		h.Run("ip", "link", "add", "mv0", "link", segment.Interface, "type", "macvlan", "mode", "bridge")
		h.Run("ip", "link", "set", "mv0", "up")
		links := open(t, h, vip.Options{})
		client.Run("ip", "neigh", "add", a.Prefix.Addr().String(), "lladdr", mac(t, h, segment.Interface), "nud", "reachable", "dev", segment.Interface)
		a.Interface = "mv0"
		must(t, links.Add(t.Context(), a, time.Minute))
		eventually(t, "the client knows the macvlan", func() bool {
			must(t, links.Announce(t.Context(), a)) // nobody has to hear the first one
			return strings.Contains(client.Run("ip", "neigh", "show", "to", a.Prefix.Addr().String()), mac(t, h, "mv0"))
		})
	})
}

// send makes the host look for the address's neighbour.
func send(t *testing.T, h *segment.Host, a vip.Address) {
	t.Helper()
	var err error
	h.Do(func() {
		var conn net.Conn
		conn, err = net.Dial("udp", net.JoinHostPort(a.Prefix.Addr().String(), "9"))
		if err == nil {
			_, err = conn.Write([]byte("hello"))
			_ = conn.Close() // UDP: nothing is left to fail
		}
	})
	must(t, err)
}
