// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// answerWithin bounds the wait for the kernel's answer. It answers before the request returns, so this is only met by a fault.
	answerWithin = 5 * time.Second
	// receiveRoom holds one message of a dump, in bytes: the kernel fills at most 32 KiB.
	receiveRoom = 32 << 10
	// attributeAlign is the alignment of messages and attributes, in bytes (RTA_ALIGNTO and NLMSG_ALIGNTO).
	attributeAlign = 4
)

var errShort = errors.New("message from the kernel is cut short")

// kernelError is a refusal, with the kernel's own words if it gave any.
type kernelError struct {
	errno unix.Errno
	text  string
}

func (e kernelError) Error() string {
	if e.text == "" {
		return e.errno.Error()
	}
	return e.errno.Error() + " (" + e.text + ")"
}

func (e kernelError) Unwrap() error { return e.errno }

// routeSocket asks the kernel about addresses and links, one request at a time.
type routeSocket struct {
	mu  sync.Mutex
	fd  int
	seq uint32
	buf []byte
}

func openRouteSocket() (*routeSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	timeout := unix.NsecToTimeval(answerWithin.Nanoseconds())
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up netlink socket: %w", err), unix.Close(fd))
	}
	return &routeSocket{fd: fd, buf: make([]byte, receiveRoom)}, nil
}

func (s *routeSocket) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return unix.Close(s.fd)
}

// exchange sends one request and hands each message of the answer to visit, whose argument is valid only during the call.
func (s *routeSocket) exchange(kind, flags uint16, body []byte, visit func(body []byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	if flags&unix.NLM_F_DUMP != unix.NLM_F_DUMP { // the flags of changes reuse its bits
		flags |= unix.NLM_F_ACK
	}
	request := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body))
	binary.NativeEndian.PutUint32(request, uint32(unix.SizeofNlMsghdr+len(body)))
	binary.NativeEndian.PutUint16(request[4:], kind)
	binary.NativeEndian.PutUint16(request[6:], flags|unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(request[8:], s.seq)
	if err := unix.Sendto(s.fd, append(request, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask the kernel: %w", err)
	}
	for {
		n, from, err := unix.Recvfrom(s.fd, s.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue // a signal came; a socket with a timeout is not restarted by the kernel (signal(7))
		}
		if err != nil {
			return fmt.Errorf("hear the kernel's answer: %w", err)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue // not the kernel
		}
		done, err := readAnswer(s.buf[:n], s.seq, visit)
		if done || err != nil {
			return err
		}
	}
}

// readAnswer visits the messages of one datagram that answer the request of this number. It reports whether the answer ends here.
func readAnswer(b []byte, seq uint32, visit func(body []byte) error) (bool, error) {
	for m, err := range messages(b) {
		if err != nil {
			return true, err
		}
		switch {
		case m.seq != seq:
			continue // the rest of an answer whose reader gave up
		case m.flags&unix.NLM_F_DUMP_INTR != 0:
			return true, fmt.Errorf("list changed while the kernel wrote it: %w", unix.EINTR)
		case m.kind == unix.NLMSG_DONE, m.kind == unix.NLMSG_ERROR:
			return true, m.refusal()
		}
		if err := visit(m.body); err != nil {
			return true, err
		}
	}
	return false, nil
}

// message is one netlink message.
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// refusal is the error that an NLMSG_ERROR or NLMSG_DONE carries, nil for none.
func (m message) refusal() error {
	if m.kind == unix.NLMSG_DONE && len(m.body) == 0 {
		return nil
	}
	if len(m.body) < 4 {
		return errShort
	}
	code := int32(binary.NativeEndian.Uint32(m.body))
	if code == 0 {
		return nil
	}
	refused := kernelError{errno: unix.Errno(-code)}
	if head := 4 + unix.SizeofNlMsghdr; m.flags&unix.NLM_F_ACK_TLVS != 0 && len(m.body) >= head {
		for kind, value := range attributes(m.body[head:]) {
			if kind == unix.NLMSGERR_ATTR_MSG {
				refused.text = unix.ByteSliceToString(value)
			}
		}
	}
	return refused
}

// messages walks a datagram. What is cut short ends the walk with an error.
func messages(b []byte) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		for len(b) > 0 {
			if len(b) < unix.SizeofNlMsghdr {
				yield(message{}, errShort)
				return
			}
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.SizeofNlMsghdr || size > len(b) {
				yield(message{}, errShort)
				return
			}
			m := message{
				kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]),
				seq: binary.NativeEndian.Uint32(b[8:]), body: b[unix.SizeofNlMsghdr:size],
			}
			b = b[min(aligned(size), len(b)):]
			if !yield(m, nil) {
				return
			}
		}
	}
}

// attributes walks attributes by kind, without the flags in its upper bits. What is cut short ends the walk.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofRtAttr || size > len(b) {
				return
			}
			kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, b[unix.SizeofRtAttr:size]) {
				return
			}
			b = b[min(aligned(size), len(b)):]
		}
	}
}

// appendAttribute writes one attribute with its padding.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, aligned(len(value))-len(value))...)
}

func aligned(n int) int { return (n + attributeAlign - 1) &^ (attributeAlign - 1) }
