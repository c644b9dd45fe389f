// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tapRoom is what a tap keeps of frames that were not looked at yet, in bytes.
const tapRoom = 4 << 20

// Tap shows every frame that a node sends on a network, with the moment at which it left the node: 0 is the service network, 1
// and up are the rails. What the switch then drops is shown as well. It ends with ctx, and when the node loses its power; look is called by
// one goroutine, which the world awaits.
func (l *Lab) Tap(ctx context.Context, n *Node, network int, look func(at time.Time, frame []byte)) error {
	fd := -1
	err := l.fabric.thread.do(func() error {
		port, err := net.InterfaceByName(port{n.index, network}.String())
		if err != nil {
			return err
		}
		fd, err = openTap(port.Index)
		return err
	})
	if err != nil {
		return fmt.Errorf("lab: tap of %s: %w", n.name, err)
	}
	file := os.NewFile(uintptr(fd), "tap")
	l.wg.Go(func() {
		stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		defer func() { _ = file.Close() }() // it was only read
		readTap(file, look)
	})
	return nil
}

func openTap(index int) (int, error) {
	var all [2]byte
	binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
	protocol := binary.NativeEndian.Uint16(all[:])
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, tapRoom),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: index}),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func readTap(file *os.File, look func(time.Time, []byte)) {
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	frame, control := make([]byte, 65536), make([]byte, 128)
	for {
		var n, c int
		var inner error
		err := raw.Read(func(fd uintptr) bool {
			n, c, _, _, inner = unix.Recvmsg(int(fd), frame, control, unix.MSG_DONTWAIT)
			return !errors.Is(inner, unix.EAGAIN)
		})
		if err != nil || inner != nil {
			return // it has ended, or its port has
		}
		look(stampOf(control[:c]), frame[:n])
	}
}

// stampOf reads when the kernel saw a frame.
func stampOf(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}
