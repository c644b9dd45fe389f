// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

func TestValidate(t *testing.T) {
	address := func(prefix, iface, label string) vip.Address {
		var p netip.Prefix
		if prefix != "" {
			p = netip.MustParsePrefix(prefix)
		}
		return vip.Address{Prefix: p, Interface: iface, Label: label}
	}
	for _, good := range []vip.Address{
		address("10.0.0.100/24", "eth0", ""), address("10.0.0.100/24", "eth0", "eth0:vip"), address("10.0.0.100/24", "eth0.100", "eth0.100"),
		address("10.0.0.0/32", "eth0", ""), address("10.0.0.0/31", "eth0", ""), address("10.0.0.1/8", "eth0", ""),
		address("fd00::1/64", "bond0", ""), address("fe80::1/64", "eth0", ""), address("2001:db8::/128", "a-name-of-15-by", ""),
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for want, bad := range map[string]vip.Address{
		"want an address and a prefix": address("", "eth0", ""),
		"as an IPv4 address":           address("::ffff:10.0.0.1/128", "eth0", ""),
		"of a host":                    address("224.0.0.1/24", "eth0", ""),
		"dev eth1: not a usable address: want the address of a host": address("127.0.0.1/8", "eth1", ""),
		"dev eth2: not a usable address: want the address of a host": address("255.255.255.255/32", "eth2", ""),
		"dev eth3: not a usable address: want the address of a host": address("::/128", "eth3", ""),
		"prefix length 0":                    address("10.0.0.1/0", "eth0", ""),
		"the network or the broadcast":       address("10.0.0.0/24", "eth0", ""),
		"10.0.0.255/24 dev eth0: not":        address("10.0.0.255/24", "eth0", ""),
		"no interface":                       address("10.0.0.1/24", "", ""),
		"longer than 15":                     address("10.0.0.1/24", "0123456789abcdef", ""),
		"\"../x\" is no name":                address("10.0.0.1/24", "../x", ""),
		"\"eth 0\" is no name":               address("10.0.0.1/24", "eth 0", ""),
		"only IPv4":                          address("fd00::1/64", "eth0", "eth0:1"),
		"label \"eth1:1\"":                   address("10.0.0.1/24", "eth0", "eth1:1"),
		"label \"eth0:0123456789a\" is long": address("10.0.0.1/24", "eth0", "eth0:0123456789a"),
	} {
		if err := bad.Validate(); !errors.Is(err, vip.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", bad, err, want)
		}
	}
}

// TestRefused has each method meet what it cannot do.
func TestRefused(t *testing.T) {
	s := segment.New(t)
	h := s.Host(host4, host6)
	path := filepath.Join(t.TempDir(), "record")
	links := open(t, h, vip.Options{Record: path})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	a4, a6, missing := on(segment.Interface, vip4), on(segment.Interface, vip6), on("eth9", vip4)
	h.Run("ip", "link", "add", "mv0", "link", segment.Interface, "type", "macvlan")
	h.Set("net/ipv6/conf/mv0/disable_ipv6", "1")
	type attempt struct {
		name string
		err  error
		want error
		text string
	}
	refresh := func(ctx context.Context, a vip.Address, valid time.Duration) error {
		_, err := links.Refresh(ctx, a, valid)
		return err
	}
	probe := func(ctx context.Context, a vip.Address, within time.Duration) error {
		_, _, err := links.Probe(ctx, a, within)
		return err
	}
	settings := func(ctx context.Context, a vip.Address) error {
		_, err := links.Sysctls(ctx, a)
		return err
	}
	_, listed := links.Ours(over)
	for _, c := range []attempt{
		{"add, cancelled", links.Add(over, a4, time.Minute), context.Canceled, "add 10.1.0.100/24 dev eth0"},
		{"refresh, cancelled", refresh(over, a4, time.Minute), context.Canceled, "refresh"},
		{"remove, cancelled", links.Remove(over, a4), context.Canceled, "remove"},
		{"probe, cancelled", probe(over, a4, time.Minute), context.Canceled, "probe"},
		{"announce, cancelled", links.Announce(over, a4), context.Canceled, "announce"},
		{"settings, cancelled", settings(over, a4), context.Canceled, "settings"},
		{"list, cancelled", listed, context.Canceled, "list"},
		{"add, no such interface", links.Add(t.Context(), missing, time.Minute), vip.ErrInterface, `interface "eth9"`},
		{"probe, no such interface", probe(t.Context(), missing, time.Minute), vip.ErrInterface, "eth9"},
		{"announce, no such interface", links.Announce(t.Context(), missing), vip.ErrInterface, "eth9"},
		{"settings, no such interface", settings(t.Context(), missing), vip.ErrInterface, "eth9"},
		{"refresh, no such interface", refresh(t.Context(), missing, time.Minute), nil, ""},
		{"remove, no such interface", links.Remove(t.Context(), missing), nil, ""},
		{"add, no time", links.Add(t.Context(), a4, 0), vip.ErrInvalid, "valid time 0s"},
		{"add, for ever", links.Add(t.Context(), a4, 1000*time.Hour), vip.ErrInvalid, "at most 24h"},
		{"refresh, no time", refresh(t.Context(), a4, -1), vip.ErrInvalid, "valid time"},
		{"probe, no time", probe(t.Context(), a4, 0), vip.ErrInvalid, "time"},
		{"add, invalid", links.Add(t.Context(), vip.Address{}, time.Minute), vip.ErrInvalid, "prefix"},
		{"add, IPv6 off", links.Add(t.Context(), on("mv0", vip6), time.Minute), vip.ErrInterface, "net.ipv6.conf.mv0.disable_ipv6=0"},
		{"announce, not there", links.Announce(t.Context(), a6), vip.ErrNotHeld, "fd00:1::100"},
	} {
		if !errors.Is(c.err, c.want) || c.err != nil && !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: %v; want %v, %q", c.name, c.err, c.want, c.text)
		}
	}
	h.Unprivileged(func() {
		_, _, probed := links.Probe(t.Context(), a4, time.Minute)
		for name, err := range map[string]error{"add": links.Add(t.Context(), a4, time.Minute), "probe": probed} {
			if !errors.Is(err, vip.ErrPermission) || !strings.Contains(err.Error(), "run as root, or give") {
				t.Errorf("%s without privileges: %v", name, err)
			}
		}
	})
	if shown(h, a4) != "" || shown(h, a6) != "" {
		t.Error("something was added")
	}
	must(t, os.WriteFile(path, []byte("{"), 0o600))
	if err := links.Add(t.Context(), a4, time.Minute); err == nil || !strings.Contains(err.Error(), path) || shown(h, a4) != "" {
		t.Errorf("with a record that cannot be read: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"addresses":[{"prefix":"10.0.0.1/24","interface":"eth0"}]}`))
	f.Add([]byte(`{"addresses":[{"prefix":"::/0","interface":""}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		noted, err := vip.ParseRecord(content)
		for _, a := range noted {
			if err != nil || a.Validate() != nil {
				t.Errorf("%v, with %v", a, err)
			}
		}
	})
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte{0, 1, 8, 0, 6, 4, 0, 2})
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 24, 58, 255}, make([]byte, 64)...))
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(append([]byte{40, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 24, 0, 0, 1, 0, 0, 0, 8, 0, 1, 0}, make([]byte, 12)...))
	f.Fuzz(func(_ *testing.T, packet []byte) {
		vip.ReadARP(packet)
		vip.ReadNeighbour(packet)
		_ = vip.ReadAnswer(packet) // any error is an answer
	})
}
