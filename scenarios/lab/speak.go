// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	etherHeader = 14 // bytes
	vlanTag     = 4
	arpLeast    = 28
	ip4Least    = 20
	ip6Least    = 40
)

// SpeaksAs tells whether a frame comes from an address, or says where it is: an ARP packet of it, or a neighbour advertisement.
func SpeaksAs(frame []byte, address netip.Addr) bool {
	if len(frame) < etherHeader {
		return false
	}
	kind, body := binary.BigEndian.Uint16(frame[12:]), frame[etherHeader:]
	for kind == unix.ETH_P_8021Q && len(body) >= vlanTag {
		kind, body = binary.BigEndian.Uint16(body[2:]), body[vlanTag:]
	}
	own := address.AsSlice()
	switch {
	case kind == unix.ETH_P_ARP && address.Is4():
		return len(body) >= arpLeast && slices.Equal(body[14:18], own)
	case kind == unix.ETH_P_IP && address.Is4():
		return len(body) >= ip4Least && slices.Equal(body[12:16], own)
	case kind == unix.ETH_P_IPV6 && address.Is6():
		return len(body) >= ip6Least && (slices.Equal(body[8:24], own) || advertises(body, own))
	}
	return false
}

// advertises tells whether an IPv6 packet is a neighbour advertisement of an address (RFC 4861 4.4).
func advertises(packet, address []byte) bool {
	const icmp, advertisement, least = 58, 136, 64
	return packet[6] == icmp && len(packet) >= least && packet[40] == advertisement && slices.Equal(packet[48:64], address)
}
