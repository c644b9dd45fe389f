// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/namespace"
)

const (
	// AddressesMax is how many addresses can be asked for at once.
	AddressesMax = 256
	// answerWithin bounds the wait for the kernel's answer. It answers as it is read, so this is only met by a fault.
	answerWithin = 5 * time.Second
	// receiveRoom holds one message of a dump, in bytes: the kernel fills at most 32 KiB.
	receiveRoom = 32 << 10
)

// ErrInvalid is for addresses that nobody can be connected to.
var ErrInvalid = errors.New("not an address of a machine")

// Sockets are those of one network namespace. Its methods may be called at the same time.
type Sockets struct{ ns namespace.Namespace }

// Open returns the sockets of the network namespace of the calling thread, whatever thread uses them later.
func Open() (*Sockets, error) {
	ns, err := namespace.Current()
	if err != nil {
		return nil, fmt.Errorf("usage: %w", err)
	}
	return &Sockets{ns}, nil
}

// Close gives back what the sockets hold of this process.
func (s *Sockets) Close() error {
	if err := s.ns.Close(); err != nil {
		return fmt.Errorf("usage: close: %w", err)
	}
	return nil
}

// Used tells whether there is a TCP connection whose end on this machine is at one of the addresses. With an error it is not known.
func (s *Sockets) Used(ctx context.Context, addrs []netip.Addr) (bool, error) {
	if len(addrs) > AddressesMax {
		return false, fmt.Errorf("usage: %d addresses at once, and %d can be asked for", len(addrs), AddressesMax)
	}
	for i, a := range addrs {
		if !a.IsValid() || a.IsUnspecified() || a.Is4In6() {
			return false, fmt.Errorf("usage: address %d, %s: %w", i+1, a, ErrInvalid)
		}
	}
	four := slices.DeleteFunc(slices.Clone(addrs), netip.Addr.Is6)
	for _, q := range []struct {
		family uint8
		addrs  []netip.Addr
	}{{unix.AF_INET, four}, {unix.AF_INET6, addrs}} { // what listens for IPv6 may have IPv4 connections
		if len(q.addrs) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, fmt.Errorf("usage: %w", err)
		}
		found, err := s.ask(request(q.family, q.addrs))
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// ask sends a request on a socket of its own, so that what is not read of the answer is not in the way of the next one.
func (s *Sockets) ask(request []byte) (found bool, err error) {
	err = s.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
		if err != nil {
			return fmt.Errorf("open netlink socket: %w", err)
		}
		found, err = exchange(fd, request)
		return errors.Join(err, unix.Close(fd))
	})
	if err != nil {
		return false, fmt.Errorf("usage: ask the kernel for connections: %w", err)
	}
	return found, nil
}

// exchange sends a request and tells whether the answer has any socket.
func exchange(fd int, request []byte) (bool, error) {
	timeout := unix.NsecToTimeval(answerWithin.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return false, err
	}
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(fd, request, 0, kernel); err != nil {
		return false, err
	}
	buf := make([]byte, receiveRoom)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue // a signal came; a socket with a timeout is not restarted by the kernel (signal(7))
		}
		if err != nil {
			return false, err
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue // not the kernel
		}
		if found, done, err := read(buf[:n]); found || done || err != nil {
			return found, err
		}
	}
}

// read tells whether a part of the answer has a socket, and whether the answer ends here.
func read(b []byte) (found, done bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false, false, fmt.Errorf("read the answer: %w", err)
	}
	for _, m := range messages {
		switch m.Header.Type {
		case unix.SOCK_DIAG_BY_FAMILY:
			return true, true, nil
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return false, true, refusal(m.Data)
		}
	}
	return false, false, nil
}

// refusal is the error that ends an answer, nil for none.
func refusal(b []byte) error {
	if len(b) < 4 {
		return nil // the end of a list, in kernels that say no more
	}
	if code := int32(binary.NativeEndian.Uint32(b)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
