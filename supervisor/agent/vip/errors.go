// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What a caller may want to tell apart. Each error of this package that one of them fits wraps it.
var (
	// ErrInvalid is for an address that cannot be a virtual one, whatever machine it is meant for.
	ErrInvalid = errors.New("not a usable address")
	// ErrInterface is for an interface that is not there, or is of a kind that cannot do what was asked.
	ErrInterface = errors.New("interface not usable")
	// ErrDown is for an interface that is there and has no link.
	ErrDown = errors.New("interface is down")
	// ErrForeign is for an address on this machine that this package did not put there.
	ErrForeign = errors.New("address belongs to somebody else on this machine")
	// ErrNotHeld is for an address that would have to be on the interface and is not.
	ErrNotHeld = errors.New("address is not there")
	// ErrPermission is for a kernel that refuses us.
	ErrPermission = errors.New("not permitted")
	// ErrUnmarked is for a kernel that keeps no marks on addresses, where no file of record was given.
	ErrUnmarked = errors.New("kernel keeps no marks on addresses, and no file of record is set")
)

// explain adds to an error of the kernel what it means here and what to do about it.
func explain(err error, a Address) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: addresses need CAP_NET_ADMIN and ARP needs CAP_NET_RAW: run as root, or give both to the service: %w", ErrPermission, err)
	case errors.Is(err, unix.EACCES) && !a.Prefix.Addr().Is4():
		return fmt.Errorf("%w: IPv6 is off there: set net.ipv6.conf.%s.disable_ipv6=0: %w", ErrInterface, a.Interface, err)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%w: there is none such (ip link lists what there is): %w", ErrInterface, err)
	case errors.Is(err, unix.ENETDOWN):
		return fmt.Errorf("%w: ip link set %s up: %w", ErrDown, a.Interface, err)
	}
	return err
}
