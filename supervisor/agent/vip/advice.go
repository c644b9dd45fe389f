// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Advice is one setting of the machine that does not suit a virtual address. It is for the operator: this package changes no settings.
type Advice struct {
	// Setting is its name as sysctl(8) takes it, or the command that shows it.
	Setting string
	// Have and Want are its value, and what would suit.
	Have, Want string
	// Why is what goes wrong otherwise, in a sentence.
	Why string
}

// Sysctls looks at the settings, and at the way answers take, that matter to the address. The list is empty when all is well.
func (l *Links) Sysctls(ctx context.Context, a Address) ([]Advice, error) {
	if err := errors.Join(ctx.Err(), a.Validate()); err != nil {
		return nil, fmt.Errorf("vip: check settings for %s: %w", a, err)
	}
	k, err := l.linkByName(a.Interface)
	var advice []Advice
	if err == nil {
		advice, err = l.advise(a, k)
	}
	if err != nil {
		return nil, fmt.Errorf("vip: check settings for %s: %w", a, err)
	}
	return advice, nil
}

func (l *Links) advise(a Address, k link) ([]Advice, error) {
	all, err := l.list()
	if err != nil {
		return nil, err
	}
	others, err := l.otherEthernets(k)
	if err != nil {
		return nil, err
	}
	var advice []Advice
	for _, s := range settingsFor(a, k, all, others) {
		have, err := l.effective(s.paths)
		if err != nil {
			return nil, err
		}
		if s.bad(have) {
			name := strings.ReplaceAll(s.paths[len(s.paths)-1], "/", ".")
			if strings.Contains(a.Interface, ".") {
				name = s.paths[len(s.paths)-1] // sysctl(8) takes slashes where a name has dots
			}
			advice = append(advice, Advice{Setting: name, Have: fmt.Sprint(have), Want: s.want, Why: s.why})
		}
	}
	back, err := l.wayBack(a, k, all)
	return append(advice, back...), err
}

// setting is one that is looked at. Where it has more than one path, the greatest value counts.
type setting struct {
	paths []string
	bad   func(value int) bool
	want  string
	why   string
}

func settingsFor(a Address, k link, all []held, others []string) []setting {
	is := func(wrong int) func(int) bool { return func(have int) bool { return have == wrong } }
	if !a.Prefix.Addr().Is4() {
		return []setting{
			{[]string{"net/ipv6/conf/" + k.name + "/disable_ipv6"}, is(1), "0", "no IPv6 address can be put on the interface"},
			{[]string{"net/ipv6/ip_nonlocal_bind"}, is(0), "1", "a program that listens on the address itself cannot start where the address is not"},
		}
	}
	conf := func(name string) []string {
		return []string{"net/ipv4/conf/all/" + name, "net/ipv4/conf/" + k.name + "/" + name}
	}
	checks := []setting{
		{[]string{"net/ipv4/ip_nonlocal_bind"}, is(0), "1", "a program that listens on the address itself cannot start where the address is not"},
		{conf("rp_filter"), is(1), "2", "clients whose way back leads through another interface are dropped without a word"},
	}
	if sharesNetwork(all, a, k.index) {
		checks = append(checks, setting{
			conf("promote_secondaries"), is(0), "1",
			"when the first address of a network leaves an interface, the kernel removes the others of that network with it",
		})
	}
	if len(others) > 0 && k.hasNeighbours() {
		also := strings.Join(others, ", ")
		checks = append(checks, setting{
			conf("arp_ignore"), is(0), "1",
			"other interfaces (" + also + ") answer ARP for the address as well: neighbours may reach it past the interface that it is on, and past its gate",
		}, setting{
			conf("arp_announce"), func(have int) bool { return have < 2 }, "2",
			"other interfaces (" + also + ") name the address as the sender of their ARP requests, which moves it in the neighbours' tables",
		})
	}
	return checks
}

func sharesNetwork(all []held, a Address, index int) bool {
	for _, h := range all {
		if h.index == index && h.prefix.Addr() != a.Prefix.Addr() && h.prefix.Masked() == a.Prefix.Masked() {
			return true
		}
	}
	return false
}

// otherEthernets names the other interfaces that answer ARP.
func (l *Links) otherEthernets(k link) ([]string, error) {
	var names []string
	err := l.socket.exchange(unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfInfomsg), func(body []byte) error {
		other, err := readLink(body)
		if err == nil && other.index != k.index && other.running() && other.hasNeighbours() {
			names = append(names, other.name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return names, nil
}

// effective is the greatest value of the paths. A setting that this kernel does not have counts as 0.
func (l *Links) effective(paths []string) (int, error) {
	most := 0
	for _, path := range paths {
		value, err := l.sysctl(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		var n int
		if _, err := fmt.Sscanf(value, "%d", &n); err != nil {
			return 0, fmt.Errorf("setting %s is %q: want a number", path, value)
		}
		most = max(most, n)
	}
	return most, nil
}

// wayBack asks, once the address is there, by which interface answers from it leave for other networks. The address asked about is kept for
// documentation (RFC 5737, RFC 3849); nothing is sent to it.
func (l *Links) wayBack(a Address, k link, all []held) ([]Advice, error) {
	h, there := find(all, a)
	if !there || h.index != k.index {
		return nil, nil
	}
	far := netip.AddrFrom4([4]byte{198, 51, 100, 1})
	family, bits := byte(unix.AF_INET), byte(32)
	if !a.Prefix.Addr().Is4() {
		far = netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: 1})
		family, bits = unix.AF_INET6, 128
	}
	body := make([]byte, unix.SizeofRtMsg)
	body[0], body[1], body[2] = family, bits, bits
	body = appendAttribute(body, unix.RTA_DST, far.AsSlice())
	body = appendAttribute(body, unix.RTA_SRC, a.Prefix.Addr().AsSlice())
	out := 0
	err := l.socket.exchange(unix.RTM_GETROUTE, 0, body, func(body []byte) error {
		if len(body) < unix.SizeofRtMsg {
			return errShort
		}
		for kind, value := range attributes(body[unix.SizeofRtMsg:]) {
			if kind == unix.RTA_OIF && len(value) == 4 {
				out = int(binary.NativeEndian.Uint32(value))
			}
		}
		return nil
	})
	show := fmt.Sprintf("ip route get %s from %s", far, a.Prefix.Addr())
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return []Advice{{show, "unreachable", "dev " + k.name, "clients of other networks get no answer from the address"}}, nil
	}
	if err != nil || out == k.index || out == 0 {
		return nil, err
	}
	other, err := l.linkByIndex(out)
	if err != nil {
		return nil, err
	}
	return []Advice{{
		show, "dev " + other.name, "dev " + k.name,
		fmt.Sprintf("answers to other networks leave by %s, where its gate is not: add a rule (ip rule add from %s lookup TABLE)", other.name, a.Prefix.Addr()),
	}}, nil
}
