// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// wire sends and receives ARP or neighbour discovery on one interface. The kernel writes and reads the Ethernet header, so VLAN
// interfaces, bonds and bridges need nothing more.
type wire struct {
	file  *os.File
	link  link
	proto uint16
}

// openWire needs to be called in the namespace of the interface.
func openWire(k link, v4 bool) (*wire, error) {
	w := &wire{link: k, proto: unix.ETH_P_IPV6}
	if v4 {
		w.proto = unix.ETH_P_ARP
	}
	// Protocol 0 receives nothing until the filter is in place and bind names the interface.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	w.file = os.NewFile(uintptr(fd), "packet")
	err = errors.Join(attachFilter(fd, v4), unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(w.proto), Ifindex: k.index})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up packet socket: %w", err), w.file.Close())
	}
	return w, nil
}

func (w *wire) close() error { return w.file.Close() }

// attachFilter keeps everything but discovery packets from an IPv6 socket: it would see all IPv6 of the interface.
func attachFilter(fd int, v4 bool) error {
	if v4 {
		return nil
	}
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nextICMPv6, SkipTrue: 4},
		bpf.LoadAbsolute{Off: ip6Size, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: solicitation, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: advertisement, SkipTrue: 1},
		bpf.RetConstant{Val: probeReadBytes},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// join lets the interface receive what is sent to a group that the kernel has not joined.
func (w *wire) join(group net.HardwareAddr) error {
	request := unix.PacketMreq{Ifindex: int32(w.link.index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))}
	copy(request.Address[:], group)
	return w.control(func(fd int) error {
		return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &request)
	})
}

func (w *wire) control(fn func(fd int) error) error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) { inner = fn(int(fd)) })
	return errors.Join(err, inner)
}

// send does not wait: a queue that is full is an error.
func (w *wire) send(packet []byte, to net.HardwareAddr) error {
	dst := &unix.SockaddrLinklayer{Protocol: bigEndian(w.proto), Ifindex: w.link.index, Halen: uint8(len(to))}
	copy(dst.Addr[:], to)
	return w.control(func(fd int) error { return unix.Sendto(fd, packet, unix.MSG_DONTWAIT, dst) })
}

// receive waits for one packet until the deadline, which [wire.until] moves.
func (w *wire) receive(buf []byte) (int, net.HardwareAddr, error) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	var n int
	var from unix.Sockaddr
	var inner error
	err = raw.Read(func(fd uintptr) bool {
		n, from, inner = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		return !errors.Is(inner, unix.EAGAIN)
	})
	if err = errors.Join(err, inner); err != nil {
		return 0, nil, err
	}
	var sender net.HardwareAddr
	if s, ok := from.(*unix.SockaddrLinklayer); ok && int(s.Halen) <= len(s.Addr) {
		sender = net.HardwareAddr(append([]byte(nil), s.Addr[:s.Halen]...))
	}
	return n, sender, nil
}

func (w *wire) until(deadline time.Time) error { return w.file.SetReadDeadline(deadline) }

// claimed reads one packet.
func (w *wire) claimed(b []byte, from net.HardwareAddr) (claim, bool) {
	if w.proto == unix.ETH_P_ARP {
		return readARP(b)
	}
	return readNeighbour(b, from)
}

func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }

func unspecified(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
