// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
)

// ARP for IPv4 over Ethernet (RFC 826), without the Ethernet header.
const (
	arpSize    = 28
	arpRequest = 1
	arpReply   = 2
)

// IPv6 and neighbour discovery (RFC 8200, RFC 4861).
const (
	ip6Size        = 40
	nextICMPv6     = 58
	neighbourSize  = 24 // of a solicitation or advertisement, without options
	solicitation   = 135
	advertisement  = 136
	optionSource   = 1
	optionTarget   = 2
	optionSize     = 8    // of a link-layer address of 6 bytes
	hopsOfANeigh   = 255  // RFC 4861 7.1: whatever has fewer came through a router, and is ignored
	flagRouter     = 0x80 // of an advertisement
	flagOverride   = 0x20
	probeReadBytes = 256 // what is kept of a received packet: an ARP packet, or a discovery packet with its first options
)

// claim is what a received packet says about an address: somebody has it, or is asking for it in order to take it.
type claim struct {
	addr  netip.Addr
	owner net.HardwareAddr
}

// arp is one ARP packet. An invalid sender address is written as 0.0.0.0: a probe (RFC 5227).
type arp struct {
	op           uint16
	senderMAC    net.HardwareAddr
	sender       netip.Addr
	targetMAC    net.HardwareAddr
	targetAnswer netip.Addr
}

func (p arp) bytes() []byte {
	b := make([]byte, arpSize)
	copy(b, []byte{0, 1, 8, 0, 6, 4}) // Ethernet, IPv4, and the lengths of their addresses
	binary.BigEndian.PutUint16(b[6:], p.op)
	copy(b[8:14], p.senderMAC)
	if p.sender.Is4() {
		copy(b[14:18], p.sender.AsSlice())
	}
	copy(b[18:24], p.targetMAC)
	copy(b[24:28], p.targetAnswer.AsSlice())
	return b
}

// readARP returns the address that a packet claims: that of its sender, or, in a probe, that which is asked for.
func readARP(b []byte) (claim, bool) {
	if len(b) < arpSize || !bytes.Equal(b[:6], []byte{0, 1, 8, 0, 6, 4}) {
		return claim{}, false
	}
	c := claim{owner: net.HardwareAddr(bytes.Clone(b[8:14]))}
	c.addr = netip.AddrFrom4([4]byte(b[14:18]))
	if c.addr.IsUnspecified() {
		if binary.BigEndian.Uint16(b[6:]) != arpRequest {
			return claim{}, false
		}
		c.addr = netip.AddrFrom4([4]byte(b[24:28]))
	}
	return c, true
}

// neighbour is one packet of neighbour discovery.
type neighbour struct {
	kind     byte // solicitation or advertisement
	flags    byte
	src, dst netip.Addr
	target   netip.Addr
	mac      net.HardwareAddr // for the option; nil for none
}

// bytes returns the packet with its IPv6 header and checksum.
func (p neighbour) bytes() []byte {
	size := neighbourSize
	if p.mac != nil {
		size += optionSize
	}
	b := make([]byte, ip6Size+size)
	b[0] = 6 << 4
	binary.BigEndian.PutUint16(b[4:], uint16(size))
	b[6], b[7] = nextICMPv6, hopsOfANeigh
	copy(b[8:24], p.src.AsSlice())
	copy(b[24:40], p.dst.AsSlice())
	body := b[ip6Size:]
	body[0], body[4] = p.kind, p.flags
	copy(body[8:24], p.target.AsSlice())
	if p.mac != nil {
		body[24], body[25] = optionTarget, 1
		if p.kind == solicitation {
			body[24] = optionSource
		}
		copy(body[26:32], p.mac)
	}
	binary.BigEndian.PutUint16(body[2:], checksum(b))
	return b
}

// checksum is that of ICMPv6 (RFC 4443 2.3), with the field for it still 0. Sizes are even here.
func checksum(packet []byte) uint16 {
	body := packet[ip6Size:]
	sum := uint32(len(body)) + nextICMPv6
	for i := 8; i < ip6Size; i += 2 { // both addresses
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for i := 0; i+1 < len(body); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(body[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// readNeighbour returns the address that a packet claims: the target of an advertisement, or of a solicitation without a source, which
// is somebody else's duplicate address detection. from is the sender of the frame.
func readNeighbour(b []byte, from net.HardwareAddr) (claim, bool) {
	if len(b) < ip6Size+neighbourSize || b[0]>>4 != 6 || b[6] != nextICMPv6 || b[7] != hopsOfANeigh {
		return claim{}, false
	}
	body := b[ip6Size:]
	c := claim{addr: netip.AddrFrom16([16]byte(body[8:24])), owner: bytes.Clone(from)}
	switch body[0] {
	case solicitation:
		return c, netip.AddrFrom16([16]byte(b[8:24])).IsUnspecified()
	case advertisement:
		options := body[neighbourSize:]
		if len(options) >= optionSize && options[0] == optionTarget && options[1] == 1 {
			c.owner = bytes.Clone(options[2:optionSize])
		}
		return c, true
	}
	return claim{}, false
}

// solicitedNode is the group that the neighbours ask who look for the address (RFC 4291 2.7.1).
func solicitedNode(addr netip.Addr) netip.Addr {
	b := addr.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// groupMAC is the Ethernet address of an IPv6 group (RFC 2464 7).
func groupMAC(group netip.Addr) net.HardwareAddr {
	b := group.As16()
	return net.HardwareAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

func broadcastMAC() net.HardwareAddr { return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }
