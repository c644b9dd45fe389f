// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// FrameMax is the longest message, in bytes. An order or a status as large as the guard takes has less than half of it.
	FrameMax = 512 << 10
	// SendMax is how long a message may take to be taken by the socket. Its buffer holds hundreds of them, so a peer that
	// does not make room for so long has stopped.
	SendMax = time.Second
	// headBytes is how many bytes tell the length.
	headBytes = 4
)

// ErrFrame means that what came is no message. The connection cannot be used any more.
var ErrFrame = errors.New("no message of this protocol")

// Conn is one end of a connection. One goroutine may send while another receives.
type Conn[In, Out any] struct {
	net.Conn
	in, out []byte
}

// Guard returns the guard's end.
func Guard(c net.Conn) *Conn[ToGuard, FromGuard] { return &Conn[ToGuard, FromGuard]{Conn: c} }

// Supervisor returns the supervisor's end.
func Supervisor(c net.Conn) *Conn[FromGuard, ToGuard] { return &Conn[FromGuard, ToGuard]{Conn: c} }

// Send sends a message.
func (c *Conn[In, Out]) Send(m Out) error {
	buf := bytes.NewBuffer(append(c.out[:0], make([]byte, headBytes)...))
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	c.out = buf.Bytes()
	n := len(c.out) - headBytes
	if n > FrameMax {
		return fmt.Errorf("write a message: it has %d bytes, more than %d", n, FrameMax)
	}
	binary.BigEndian.PutUint32(c.out, uint32(n))
	if err := c.SetWriteDeadline(time.Now().Add(SendMax)); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	if _, err := c.Write(c.out); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	return nil
}

// Receive waits for a message, for as long as the read deadline of the connection allows.
func (c *Conn[In, Out]) Receive() (In, error) {
	var m In
	var head [headBytes]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return m, fmt.Errorf("receive a message: %w", err)
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > FrameMax {
		return m, fmt.Errorf("receive a message of %d bytes: %w", n, ErrFrame)
	}
	if cap(c.in) < n {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	if _, err := io.ReadFull(c, c.in); err != nil {
		return m, fmt.Errorf("receive a message: %w", err)
	}
	if err := json.Unmarshal(c.in, &m); err != nil {
		return m, fmt.Errorf("receive a message: %w: %w", ErrFrame, err)
	}
	return m, nil
}
