// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/namespace"
)

// device is an interface by both its names.
type device struct {
	name  string
	index int
}

// home answers questions about the interfaces of the namespace.
type home struct {
	ns namespace.Namespace
	fd int // a socket of the namespace: ioctls on it mean its interfaces, on whatever thread
}

func newHome() (*home, error) {
	ns, err := namespace.Current()
	if err != nil {
		return nil, err
	}
	h := &home{ns: ns}
	err = ns.Do(func() error {
		h.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return h, nil
}

func (h *home) close() error { return errors.Join(unix.Close(h.fd), h.ns.Close()) }

func (h *home) index(name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(h.fd, unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %q: %w", ErrInterface, name, err)
	}
	return int(request.Uint32()), nil
}

// isEthernet reports whether frames of the interface have Ethernet headers.
func (h *home) isEthernet(name string) (bool, error) {
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(h.fd, unix.SIOCGIFHWADDR, request)
	}
	if err != nil {
		return false, fmt.Errorf("%w: %q: %w", ErrInterface, name, err)
	}
	kind := request.Uint16() // sa_family of ifr_hwaddr
	return kind == unix.ARPHRD_ETHER || kind == unix.ARPHRD_LOOPBACK, nil
}

func (h *home) name(index int) (string, error) {
	request, err := unix.NewIfreq("")
	if err == nil {
		request.SetUint32(uint32(index))
		err = unix.IoctlIfreq(h.fd, unix.SIOCGIFNAME, request)
	}
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return "", fmt.Errorf("%w: number %d", ErrInterface, index)
	}
	if err != nil {
		return "", fmt.Errorf("name of interface %d: %w", index, err)
	}
	return request.Name(), nil
}
