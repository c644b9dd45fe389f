// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"fmt"
	"net/netip"
	"strings"
)

// nameMax is the longest name of an interface or a label, in bytes (IFNAMSIZ in linux/if.h is 16 with its NUL).
const nameMax = 15

// Address is one virtual address and where it belongs.
type Address struct {
	// Prefix keeps its host bits: 10.0.0.100/24. It must have no zone.
	Prefix netip.Prefix `json:"prefix"`
	// Interface is the name of the interface: eth0, eth0.100, bond0, br0, a macvlan.
	Interface string `json:"interface"`
	// Label is what old tools show as an alias (IPv4 only): empty, or the interface's name, a colon, and more. At most 15 bytes.
	Label string `json:"label,omitempty"`
}

// String returns the address as ip(8) takes it.
func (a Address) String() string { return a.Prefix.String() + " dev " + a.Interface }

// Validate reports what makes the address unusable on any machine. The error wraps [ErrInvalid].
func (a Address) Validate() error {
	if fault := a.fault(); fault != "" {
		return fmt.Errorf("vip: %s: %w: %s", a, ErrInvalid, fault)
	}
	return nil
}

func (a Address) fault() string {
	addr := a.Prefix.Addr()
	switch {
	case !a.Prefix.IsValid():
		return "want an address and a prefix length, as in 10.0.0.100/24"
	case addr.Is4In6():
		return "write it as an IPv4 address"
	case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "want the address of a host"
	case a.Prefix.Bits() == 0:
		return "prefix length 0 would make every address a neighbour"
	case a.isEdge():
		return "it is the network or the broadcast address of its prefix"
	}
	if fault := nameFault(a.Interface); fault != "" {
		return fault
	}
	if a.Label == "" || a.Label == a.Interface {
		return ""
	}
	switch {
	case !addr.Is4():
		return "only IPv4 addresses have labels"
	case len(a.Label) > nameMax:
		return fmt.Sprintf("label %q is longer than %d bytes", a.Label, nameMax)
	case !strings.HasPrefix(a.Label, a.Interface+":") || strings.ContainsFunc(a.Label, unprintable):
		return fmt.Sprintf("label %q: want %s:, and more after it", a.Label, a.Interface)
	}
	return ""
}

// isEdge reports whether an IPv4 address is the first or the last of a prefix that has such (all but /31 and /32, RFC 3021).
func (a Address) isEdge() bool {
	addr, bits := a.Prefix.Addr(), a.Prefix.Bits()
	if !addr.Is4() || bits >= 31 {
		return false
	}
	b := addr.As4()
	host := (uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])) & (1<<(32-bits) - 1)
	return host == 0 || host == 1<<(32-bits)-1
}

func nameFault(name string) string {
	switch {
	case name == "":
		return "no interface is given"
	case len(name) > nameMax:
		return fmt.Sprintf("interface %q is longer than %d bytes", name, nameMax)
	case name == ".", name == "..", strings.ContainsAny(name, "/:"), strings.ContainsFunc(name, unprintable):
		return fmt.Sprintf("%q is no name of an interface", name)
	}
	return ""
}

func unprintable(r rune) bool { return r <= ' ' || r == 0x7f }

// label is what the kernel shows as the label of the address.
func (a Address) label() string {
	if a.Label == "" {
		return a.Interface
	}
	return a.Label
}
