// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

func TestSysctls(t *testing.T) {
	s := segment.New(t)
	h := s.Host(host4, host6)
	links := open(t, h, vip.Options{})
	advised := func(a vip.Address) string {
		t.Helper()
		advice, err := links.Sysctls(t.Context(), a)
		must(t, err)
		var names []string
		for _, one := range advice {
			names = append(names, one.Setting+"="+one.Have)
			if one.Want == "" || one.Want == one.Have || one.Why == "" {
				t.Errorf("%+v: want what to do and why", one)
			}
		}
		return strings.Join(names, " ")
	}
	expect := func(a vip.Address, want string) {
		t.Helper()
		if got := advised(a); got != want {
			t.Errorf("%s:\n got %s\nwant %s", a, got, want)
		}
	}
	a4, a6 := on(segment.Interface, vip4), on(segment.Interface, vip6)
	h.Set("net/ipv4/conf/all/rp_filter", "0")
	h.Set("net/ipv4/conf/"+segment.Interface+"/rp_filter", "1")
	h.Set("net/ipv4/conf/all/promote_secondaries", "0")
	expect(a4, "net.ipv4.ip_nonlocal_bind=0 net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.promote_secondaries=0")
	h.Run("ip", "link", "add", "mv.0", "link", segment.Interface, "type", "macvlan", "mode", "bridge")
	h.Run("ip", "link", "set", "mv.0", "up")
	for path, value := range map[string]string{
		"net/ipv4/ip_nonlocal_bind": "1", "net/ipv6/ip_nonlocal_bind": "1", "net/ipv4/conf/all/rp_filter": "2", "net/ipv4/conf/all/promote_secondaries": "1",
	} {
		h.Set(path, value)
	}
	expect(a4, "net.ipv4.conf.eth0.arp_ignore=0 net.ipv4.conf.eth0.arp_announce=0")
	expect(on("mv.0", "10.2.0.1/24"), "net/ipv4/conf/mv.0/arp_ignore=0 net/ipv4/conf/mv.0/arp_announce=0")
	h.Set("net/ipv4/conf/all/arp_ignore", "1")
	h.Set("net/ipv4/conf/all/arp_announce", "2")
	expect(a4, "")
	expect(a6, "")

	// The way back is known once the address is there.
	must(t, links.Add(t.Context(), a4, time.Minute))
	must(t, links.Add(t.Context(), a6, time.Minute))
	expect(a4, "ip route get 198.51.100.1 from 10.1.0.100=unreachable")
	expect(a6, "ip route get 2001:db8::1 from fd00:1::100=unreachable")
	h.Run("ip", "route", "add", "default", "via", "10.1.0.254")
	h.Run("ip", "-6", "route", "add", "default", "via", "fd00:1::254")
	expect(a4, "")
	expect(a6, "")
	h.Run("ip", "route", "replace", "default", "dev", "mv.0")
	h.Run("ip", "-6", "route", "add", "2001:db8::/32", "dev", "mv.0")
	expect(a4, "ip route get 198.51.100.1 from 10.1.0.100=dev mv.0")
	expect(a6, "ip route get 2001:db8::1 from fd00:1::100=dev mv.0")
	h.Set("net/ipv6/conf/mv.0/disable_ipv6", "1")
	expect(on("mv.0", vip6), "net/ipv6/conf/mv.0/disable_ipv6=1")
}
