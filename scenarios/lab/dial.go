// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// DialFunc makes a connection; it fits net/http.Transport.DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Dialer returns [Node.Dial] as a value.
func (n *Node) Dialer() DialFunc { return n.Dial }

// Dial makes a connection from within the node: only the socket is made on the node's thread, the wait for the other
// side blocks no thread. Network is tcp, udp or unix, optionally with 4 or 6; the address must be numeric, as nodes have
// no resolver of their own. The connection stays in the node's network as long as it lives.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n.life() == nil {
		return nil, fmt.Errorf("lab: dial from %s: %w", n.name, ErrPoweredOff)
	}
	if network == "unix" {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	if n.onHost {
		return n.dialFromAddress(ctx, network, address)
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("lab: want a numeric address: %w", err)}
	}
	fd, err := n.socket(network, target.Addr())
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	conn, err := connect(ctx, fd, sockaddr(target))
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(target), Err: err}
	}
	return conn, nil
}

// InNetwork runs fn on a thread inside the node's network namespace and returns its error. Sockets that fn opens stay in
// that namespace. It must not block, since dials of the node wait for it, and must not start goroutines for its work.
func (n *Node) InNetwork(fn func() error) error {
	m := n.life()
	if m == nil {
		return fmt.Errorf("lab: node %s: %w", n.name, ErrPoweredOff)
	}
	if n.onHost {
		return fn()
	}
	return m.thread.do(fn)
}

// dialFromAddress uses the node's service address as the source, so that the other side can tell the nodes apart.
func (n *Node) dialFromAddress(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{}
	switch network {
	case "tcp", "tcp4":
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.addrs[0], 0))
	case "udp", "udp4":
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.addrs[0], 0))
	}
	return d.DialContext(ctx, network, address)
}

func (n *Node) socket(network string, to netip.Addr) (int, error) {
	kind := 0
	switch network {
	case "tcp", "tcp4", "tcp6":
		kind = unix.SOCK_STREAM
	case "udp", "udp4", "udp6":
		kind = unix.SOCK_DGRAM
	default:
		return -1, net.UnknownNetworkError(network)
	}
	family := unix.AF_INET6
	if to.Is4() {
		family = unix.AF_INET
	}
	fd := -1
	err := n.InNetwork(func() error {
		var err error
		fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	return fd, err
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

// connect connects a non-blocking socket and makes a net.Conn of it. It owns fd from here on.
func connect(ctx context.Context, fd int, to unix.Sockaddr) (net.Conn, error) {
	err := unix.Connect(fd, to)
	f := os.NewFile(uintptr(fd), "dial") // after connect: the poller then waits for this connection only
	defer func() { _ = f.Close() }()
	if errors.Is(err, unix.EINPROGRESS) {
		err = awaitConnect(ctx, f)
	}
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return net.FileConn(f)
}

// awaitConnect returns when the connection stands or has failed, or when ctx ends.
func awaitConnect(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	var result error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			result = err
			return true
		}
		if code != 0 {
			result = unix.Errno(code)
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil // not connected yet: wait until writable
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	return result
}
