// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"
)

const (
	// UnitsMax is how many units an order may have.
	UnitsMax = 128
	// AddressesMax is how many addresses all units of an order may have together.
	AddressesMax = 256
	// LinksMax is how many links an order may have made ready.
	LinksMax = 64
	// nameMax is the longest name of a resource, in bytes.
	nameMax = 128
	// interfaceMax is the longest name of an interface or label, in bytes: IFNAMSIZ of if.h less the closing zero.
	interfaceMax = 15
	// epochsMax bounds how many resources a guard remembers the epoch of, for as long as it lives.
	epochsMax = 4096
)

// Instant is a moment of the kernel's CLOCK_BOOTTIME, in nanoseconds. That clock runs while the machine sleeps and no one
// can set it, and it is the one that the gate in the kernel compares with.
type Instant int64

// Never is later than any moment.
const Never Instant = math.MaxInt64

// Add returns the moment d later, or Never where there is none.
func (t Instant) Add(d time.Duration) Instant {
	if d > 0 && t > Never-Instant(d) {
		return Never
	}
	return t + Instant(d)
}

// Sub returns the time from u to t. Both must be moments of one boot.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Address is a virtual address and where it belongs.
type Address struct {
	// Prefix keeps the host bits: 10.0.0.100/24.
	Prefix    netip.Prefix `json:"prefix"`
	Interface string       `json:"interface"`
	// Label is what ip(8) shows beside an IPv4 address. It tells addresses apart for people only.
	Label string `json:"label,omitempty"`
}

// String returns the address as people write it, such as "10.0.0.100/24 on eth0".
func (a Address) String() string { return a.Prefix.String() + " on " + a.Interface }

// Gated returns what a gate before the address is known by.
func (a Address) Gated() Gated { return Gated{a.Prefix.Addr(), a.Interface} }

// key is the address without what it could be changed in.
func (a Address) key() Address { return Address{Prefix: a.Prefix, Interface: a.Interface} }

func compareAddresses(a, b Address) int {
	return cmp.Or(
		a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Interface, b.Interface),
	)
}

// check tells what no link could have.
func (a Address) check() error {
	ip := a.Prefix.Addr()
	switch {
	case !a.Prefix.IsValid():
		return errors.New("an address is missing")
	case ip.Is4In6():
		return fmt.Errorf("%s is IPv4 written as IPv6: write %s", ip, ip.Unmap())
	case ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is no address that a machine can have", ip)
	case !device(a.Interface):
		return fmt.Errorf("%q is no name of an interface", a.Interface)
	case a.Label != "" && !device(a.Label):
		return fmt.Errorf("%q is no label", a.Label)
	}
	return nil
}

// device tells whether the kernel takes a name for an interface (dev_valid_name of net/core/dev.c), but for the colon,
// which labels have.
func device(name string) bool {
	return name != "" && len(name) <= interfaceMax && name != "." && name != ".." &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f })
}

// Gated is a gate before an address.
type Gated struct {
	Addr      netip.Addr
	Interface string
}

// String returns the gate as "10.0.0.100 on eth0".
func (g Gated) String() string { return g.Addr.String() + " on " + g.Interface }

func compareGated(a, b Gated) int {
	return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Interface, b.Interface))
}

// Unit is the addresses of one resource, which are held together.
type Unit struct {
	Resource string `json:"resource"`
	// Epoch is the fencing token of the assignment.
	Epoch     uint64    `json:"epoch"`
	Addresses []Address `json:"addresses"`
	// NoProbe has the addresses added without asking the neighbours who has them. Where a call of a provider's API moves an
	// address, the network may answer for the machine that the address was on before, until a call is made that waits for
	// this guard.
	NoProbe bool `json:"no_probe,omitempty"`
}

// check tells what is wrong with a unit taken alone.
func (u Unit) check() error {
	switch {
	case u.Resource == "" || len(u.Resource) > nameMax:
		return fmt.Errorf("the name of a resource has 1 to %d bytes", nameMax)
	case len(u.Addresses) == 0:
		return errors.New("it has no addresses")
	}
	for _, a := range u.Addresses {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}
