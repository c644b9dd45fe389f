// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Protocol marks our addresses in the kernel (IFA_PROTO, an unsigned byte, since Linux 5.18; recent
// versions of ip(8) show it as "proto"). The kernel's own marks are 1 to 3; the number is not in iproute2's list of well-known ones.
const Protocol = 0xeb

// attributeProto is IFA_PROTO of linux/if_addr.h.
const attributeProto = 11

// held is an address that the kernel has.
type held struct {
	prefix netip.Prefix
	index  int
	label  string
	flags  uint32
	proto  uint8
}

// readHeld reads the body of an RTM_NEWADDR or RTM_DELADDR (struct ifaddrmsg and its attributes). Families besides IPv4 and IPv6
// give no address and no error.
func readHeld(body []byte) (held, bool, error) {
	if len(body) < unix.SizeofIfAddrmsg {
		return held{}, false, errShort
	}
	size := net.IPv4len
	switch body[0] {
	case unix.AF_INET:
	case unix.AF_INET6:
		size = net.IPv6len
	default:
		return held{}, false, nil
	}
	h := held{flags: uint32(body[2]), index: int(binary.NativeEndian.Uint32(body[4:]))}
	var own, local []byte
	for kind, value := range attributes(body[unix.SizeofIfAddrmsg:]) {
		switch {
		case kind == unix.IFA_ADDRESS && len(value) == size:
			own = value
		case kind == unix.IFA_LOCAL && len(value) == size:
			local = value
		case kind == unix.IFA_LABEL:
			h.label = unix.ByteSliceToString(value)
		case kind == unix.IFA_FLAGS && len(value) == 4:
			h.flags = binary.NativeEndian.Uint32(value)
		case kind == attributeProto && len(value) == 1:
			h.proto = value[0]
		}
	}
	if local != nil {
		own = local // on point-to-point links, IFA_ADDRESS is the peer
	}
	addr, ok := netip.AddrFromSlice(own)
	if !ok {
		return held{}, false, fmt.Errorf("address without an address: %w", errShort)
	}
	h.prefix = netip.PrefixFrom(addr, int(body[1]))
	return h, h.prefix.IsValid(), nil
}

// list returns all addresses of the namespace.
func (l *Links) list() ([]held, error) {
	var all []held
	err := l.socket.exchange(unix.RTM_GETADDR, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfAddrmsg), func(body []byte) error {
		h, ok, err := readHeld(body)
		if ok {
			all = append(all, h)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return all, nil
}

// link is an interface.
type link struct {
	index int
	name  string
	kind  uint16 // ARPHRD_*
	flags uint32
	mac   net.HardwareAddr
}

// readLink reads the body of an RTM_NEWLINK or RTM_DELLINK (struct ifinfomsg and its attributes).
func readLink(body []byte) (link, error) {
	if len(body) < unix.SizeofIfInfomsg {
		return link{}, errShort
	}
	k := link{
		kind: binary.NativeEndian.Uint16(body[2:]), index: int(int32(binary.NativeEndian.Uint32(body[4:]))),
		flags: binary.NativeEndian.Uint32(body[8:]),
	}
	for kind, value := range attributes(body[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_IFNAME:
			k.name = unix.ByteSliceToString(value)
		case unix.IFLA_ADDRESS:
			k.mac = net.HardwareAddr(append([]byte(nil), value...))
		}
	}
	return k, nil
}

// running reports whether frames can pass: up, and with a carrier.
func (k link) running() bool { return k.flags&unix.IFF_UP != 0 && k.flags&unix.IFF_RUNNING != 0 }

// hasNeighbours reports whether there is ARP or neighbour discovery on the interface: on loopback and tunnels there is none.
func (k link) hasNeighbours() bool { return k.kind == unix.ARPHRD_ETHER && k.flags&unix.IFF_NOARP == 0 }

func (l *Links) linkByName(name string) (link, error) {
	body := appendAttribute(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, append([]byte(name), 0))
	return l.link(body, fmt.Sprintf("%q", name))
}

func (l *Links) linkByIndex(index int) (link, error) {
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(index))
	return l.link(body, fmt.Sprintf("number %d", index))
}

func (l *Links) link(body []byte, which string) (link, error) {
	var found link
	err := l.socket.exchange(unix.RTM_GETLINK, 0, body, func(body []byte) error {
		var err error
		found, err = readLink(body)
		return err
	})
	if err != nil {
		return link{}, fmt.Errorf("interface %s: %w", which, explain(err, Address{}))
	}
	return found, nil
}
