// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

const (
	host4, host6 = "10.1.0.1/24", "fd00:1::1/64"
	peer4, peer6 = "10.1.0.2/24", "fd00:1::2/64"
	vip4, vip6   = "10.1.0.100/24", "fd00:1::100/64"
)

var sameAddress = cmp.Comparer(func(a, b vip.Address) bool { return a == b })

// families runs a test for the virtual address of each.
func families(t *testing.T, test func(t *testing.T, s *segment.Segment, h *segment.Host, a vip.Address)) {
	for name, prefix := range map[string]string{"ipv4": vip4, "ipv6": vip6} {
		t.Run(name, func(t *testing.T) {
			s := segment.New(t)
			test(t, s, s.Host(host4, host6), on(segment.Interface, prefix))
		})
	}
}

func ours(t *testing.T, links *vip.Links) []vip.Address {
	t.Helper()
	all, err := links.Ours(t.Context())
	must(t, err)
	return all
}

func TestAddRefreshRemove(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		links := open(t, h, vip.Options{})
		must(t, links.Add(t.Context(), a, 30*time.Second))
		line := shown(h, a)
		for _, want := range []string{"valid_lft 30sec", "preferred_lft 0sec", "deprecated"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: want %q in it", line, want)
			}
		}
		if strings.Contains(line, "tentative") {
			t.Errorf("%s: it is not usable at once", line)
		}
		if diff := cmp.Diff([]vip.Address{a}, ours(t, links), sameAddress); diff != "" {
			t.Error(diff)
		}

		there, err := links.Refresh(t.Context(), a, 99*time.Second)
		must(t, err)
		if line := shown(h, a); !there || !strings.Contains(line, "valid_lft 99sec") || !strings.Contains(line, "preferred_lft 0sec") {
			t.Errorf("after refresh, there = %v: %s", there, line)
		}
		must(t, links.Add(t.Context(), a, 50*time.Second))
		if line := shown(h, a); !strings.Contains(line, "valid_lft 50sec") {
			t.Errorf("after a second add: %s", line)
		}

		must(t, links.Remove(t.Context(), a))
		must(t, links.Remove(t.Context(), a))
		if line := shown(h, a); line != "" || len(ours(t, links)) != 0 {
			t.Errorf("after remove: %q, ours: %v", line, ours(t, links))
		}
	})
}

func TestRefreshNeverCreates(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		links := open(t, h, vip.Options{})
		changes := watch(t, links)
		for range 3 {
			there, err := links.Refresh(t.Context(), a, time.Minute)
			must(t, err)
			if line := shown(h, a); there || line != "" {
				t.Errorf("refresh created it, there = %v: %s", there, line)
			}
		}
		h.Run("ip", "address", "add", "10.9.9.9/32", "dev", segment.Interface) // ends the wait below
		for c := range changes {
			if c.Prefix.Addr() == a.Prefix.Addr() {
				t.Errorf("it was there for a moment: %v", c)
			}
			if c.Prefix.String() == "10.9.9.9/32" {
				break
			}
		}
	})
}

func TestExpiry(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		links := open(t, h, vip.Options{})
		must(t, links.Add(t.Context(), a, time.Second))
		for range 30 { // it stays for as long as it is refreshed
			there, err := links.Refresh(t.Context(), a, 2*time.Second)
			must(t, err)
			if !there {
				t.Fatal("gone in spite of refreshes")
			}
			time.Sleep(100 * time.Millisecond)
		}
		eventually(t, "the kernel removes it", func() bool { return shown(h, a) == "" })
		there, err := links.Refresh(t.Context(), a, time.Minute)
		must(t, err)
		if there || shown(h, a) != "" {
			t.Error("a late refresh brought it back")
		}
		// Whatever the host has of its own is not the address's to take with it.
		for _, want := range []string{"10.1.0.0/24 dev eth0", "fd00:1::/64 dev eth0"} {
			routes := h.Run("ip", "-4", "route") + h.Run("ip", "-6", "route")
			if i := strings.Index(routes, want); i < 0 || strings.Contains(strings.SplitN(routes[i:], "\n", 2)[0], "expires") {
				t.Errorf("want a lasting route %s:\n%s", want, routes)
			}
		}
	})
}

// TestSharedPrefixRouteLater has the host's own address come after ours.
func TestSharedPrefixRouteLater(t *testing.T) {
	s := segment.New(t)
	h := s.Host()
	links := open(t, h, vip.Options{})
	a := on(segment.Interface, vip6)
	must(t, links.Add(t.Context(), a, 2*time.Second))
	if routes := h.Run("ip", "-6", "route"); !strings.Contains(routes, "fd00:1::/64") {
		t.Errorf("an address alone in its network has no route to it:\n%s", routes)
	}
	h.Run("ip", "address", "add", host6, "dev", segment.Interface, "nodad")
	_, err := links.Refresh(t.Context(), a, time.Second)
	must(t, err)
	eventually(t, "the kernel removes it", func() bool { return shown(h, a) == "" })
	if routes := h.Run("ip", "-6", "route"); !strings.Contains(routes, "fd00:1::/64") || strings.Contains(routes, "expires") {
		t.Errorf("the host lost its network:\n%s", routes)
	}
}

func TestForeign(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		links := open(t, h, vip.Options{})
		h.Run("ip", "link", "add", "mv0", "link", segment.Interface, "type", "macvlan")
		for _, where := range []string{segment.Interface, "mv0"} {
			h.Run("ip", "address", "add", a.Prefix.String(), "dev", where, "nodad")
			if err := links.Add(t.Context(), a, time.Minute); !errors.Is(err, vip.ErrForeign) || !strings.Contains(err.Error(), where) {
				t.Errorf("add beside another's on %s: %v", where, err)
			}
			there, err := links.Refresh(t.Context(), a, time.Minute)
			if err != nil || there {
				t.Errorf("refresh of another's: %v, %v", there, err)
			}
			err = links.Remove(t.Context(), a)
			if where == a.Interface && !errors.Is(err, vip.ErrForeign) || where != a.Interface && err != nil {
				t.Errorf("remove, while %s has another's: %v", where, err)
			}
			line := shown(h, on(where, a.Prefix.String()))
			if len(ours(t, links)) != 0 || !strings.Contains(line, "valid_lft forever") {
				t.Errorf("ours: %v; theirs: %s", ours(t, links), line)
			}
			h.Run("ip", "address", "del", a.Prefix.String(), "dev", where)
		}
	})
}

func TestOursElsewhere(t *testing.T) {
	s := segment.New(t)
	h := s.Host(host4, host6)
	links := open(t, h, vip.Options{})
	h.Run("ip", "link", "add", "mv0", "link", segment.Interface, "type", "macvlan")
	h.Run("ip", "link", "set", "mv0", "up")
	for _, prefix := range []string{vip4, vip6} {
		must(t, links.Add(t.Context(), on("mv0", prefix), time.Minute))
		err := links.Add(t.Context(), on(segment.Interface, prefix), time.Minute)
		if err == nil || !strings.Contains(err.Error(), "mv0: remove that first") {
			t.Errorf("add while ours is on another interface: %v", err)
		}
	}
	// Another process finds both, and the label.
	labelled := vip.Address{Prefix: on("", "10.1.0.101/32").Prefix, Interface: segment.Interface, Label: segment.Interface + ":vip"}
	must(t, links.Add(t.Context(), labelled, time.Minute))
	want := []vip.Address{on("mv0", vip4), labelled, on("mv0", vip6)}
	byText := cmpopts.SortSlices(func(a, b vip.Address) bool { return a.String() < b.String() })
	again := open(t, h, vip.Options{})
	if diff := cmp.Diff(want, ours(t, again), byText, sameAddress); diff != "" {
		t.Error(diff)
	}
	h.Run("ip", "link", "del", "mv0")
	must(t, again.Remove(t.Context(), on("mv0", vip4)))
	must(t, again.Remove(t.Context(), labelled))
	if left := ours(t, again); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestSource has the host connect to its neighbour: as itself, not as the virtual address.
func TestSource(t *testing.T) {
	s := segment.New(t)
	h := s.Host()
	s.Host(peer4, peer6)
	links := open(t, h, vip.Options{})
	for _, a := range []vip.Address{on(segment.Interface, vip6), on(segment.Interface, "10.1.0.100/32")} {
		h.Run("ip", "address", "add", host4, "dev", segment.Interface) // before the one and after the other
		must(t, links.Add(t.Context(), a, time.Minute))
		if a.Prefix.Addr().Is6() {
			h.Run("ip", "address", "add", host6, "dev", segment.Interface, "nodad")
			h.Run("ip", "address", "del", host4, "dev", segment.Interface)
		}
	}
	for local, to := range map[string]string{"10.1.0.1": "10.1.0.2:7", "fd00:1::1": "[fd00:1::2]:7"} {
		var conn net.Conn
		var err error
		h.Do(func() { conn, err = net.Dial("udp", to) })
		must(t, err)
		if from := conn.LocalAddr().(*net.UDPAddr).IP.String(); from != local {
			t.Errorf("to %s the source is %s, want %s", to, from, local)
		}
		must(t, conn.Close())
	}
}

func TestRecord(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		h.Run("ip", "link", "set", "lo", "down") // its addresses bear marks
		for line := range strings.Lines(h.Run("ip", "-o", "-6", "address", "show", "scope", "link")) {
			h.Run("ip", "address", "del", strings.Fields(line)[3], "dev", segment.Interface) // the kernel marks these as well
		}
		path := t.TempDir() + "/addresses"
		bare := open(t, h, vip.Options{})
		vip.Unmark(bare)
		if err := bare.Add(t.Context(), a, time.Minute); !errors.Is(err, vip.ErrUnmarked) || shown(h, a) != "" {
			t.Errorf("without marks and record: %v, there: %q", err, shown(h, a))
		}
		links := open(t, h, vip.Options{Record: path})
		vip.Unmark(links)
		must(t, links.Add(t.Context(), a, time.Minute))
		again := open(t, h, vip.Options{Record: path})
		if diff := cmp.Diff([]vip.Address{a}, ours(t, again), sameAddress); diff != "" {
			t.Error(diff)
		}
		vip.Unmark(again)
		there, err := again.Refresh(t.Context(), a, time.Minute)
		if err != nil || !there {
			t.Errorf("refresh: %v, %v", there, err)
		}
		must(t, again.Remove(t.Context(), a))
		h.Run("ip", "address", "add", a.Prefix.String(), "dev", segment.Interface)
		if err := again.Add(t.Context(), a, time.Minute); !errors.Is(err, vip.ErrForeign) || len(ours(t, again)) != 0 {
			t.Errorf("another's: %v, ours: %v", err, ours(t, again))
		}
	})
}
