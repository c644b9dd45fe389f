// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Sizes and codes of linux/inet_diag.h.
const (
	requestSize = 56 // struct inet_diag_req_v2
	opSize      = 4  // struct inet_diag_bc_op
	hostSize    = 8  // struct inet_diag_hostcond, without its address

	attributeBytecode = 1 // INET_DIAG_REQ_BYTECODE
	opJump            = 1 // INET_DIAG_BC_JMP
	opSourceHost      = 7 // INET_DIAG_BC_S_COND

	anyPort = 0xffffffff // -1
)

// States of net/tcp_states.h in which a connection is there, and one of its ends may have something to say: it is established, or is
// being closed and what was sent last is not acknowledged yet. FIN-WAIT-2 is left out: all that we had to say has arrived, and the
// kernel keeps such sockets for a minute.
const connected = 1<<unix.BPF_TCP_ESTABLISHED | 1<<unix.BPF_TCP_FIN_WAIT1 | 1<<unix.BPF_TCP_CLOSE_WAIT |
	1<<unix.BPF_TCP_LAST_ACK | 1<<unix.BPF_TCP_CLOSING

// request is the message that asks for the connected TCP sockets of a family whose own end is at one of the addresses.
func request(family uint8, addrs []netip.Addr) []byte {
	code := filter(addrs)
	size := unix.SizeofNlMsghdr + requestSize + unix.SizeofRtAttr + len(code)
	b := make([]byte, 0, size)
	b = binary.NativeEndian.AppendUint32(b, uint32(size))
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = append(b, make([]byte, unix.SizeofNlMsghdr-len(b))...)
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, connected)
	b = append(b, make([]byte, unix.SizeofNlMsghdr+requestSize-len(b))...) // which socket: any
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(code)))
	b = binary.NativeEndian.AppendUint16(b, attributeBytecode)
	return append(b, code...)
}

// filter is a program that accepts a socket whose own end is at one of the addresses, of which there is at least one. A condition that
// is met leads to the jump behind it, and that one to the end; another one leads past the jump, to the next condition. Past the end means
// no. The kernel takes jumps only to where one comes to along the conditions that are met (inet_diag_bc_audit), hence the jumps.
func filter(addrs []netip.Addr) []byte {
	var b []byte
	for _, a := range slices.Backward(addrs) {
		host := condition(a)
		size := opSize + len(host)
		var tail []byte
		if len(b) > 0 {
			tail = op(opJump, opSize, opSize+len(b))
		}
		b = append(append(append(op(opSourceHost, size, size+opSize), host...), tail...), b...)
	}
	return b
}

// op is one operation: how far to go on if it is met, and if not.
func op(code uint8, yes, no int) []byte {
	return binary.NativeEndian.AppendUint16([]byte{code, uint8(yes)}, uint16(no))
}

// condition is a host. The kernel compares an IPv4 one with what IPv6 sockets have of it as well.
func condition(a netip.Addr) []byte {
	family, raw := uint8(unix.AF_INET6), a.AsSlice()
	if a.Is4() {
		family = unix.AF_INET
	}
	b := binary.NativeEndian.AppendUint32([]byte{family, uint8(a.BitLen()), 0, 0}, anyPort)
	return append(b, raw...)
}
