// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

const (
	// peersMax is how many connections may be there at once: one of them is the supervisor's, the others are being closed.
	peersMax = 8
	// acceptRetry is the wait after a connection that could not be accepted.
	acceptRetry = 100 * time.Millisecond
)

// peer is a supervisor at the other end of a connection.
type peer struct {
	conn   *wire.Conn[wire.ToGuard, wire.FromGuard]
	pid    int32
	status chan guard.Status // holds the newest one
	once   sync.Once
	closed chan struct{}
	bye    string // why; set before closed is closed
}

func newPeer(c net.Conn, pid int32) *peer {
	return &peer{conn: wire.Guard(c), pid: pid, status: make(chan guard.Status, 1), closed: make(chan struct{})}
}

// close lets the connection go, saying why if there is a reason.
func (p *peer) close(bye string) {
	p.once.Do(func() {
		p.bye = bye
		close(p.closed)
	})
}

// tell gives the peer a status in place of one that was not sent yet. Only the loop calls it.
func (p *peer) tell(s guard.Status) {
	select {
	case <-p.status:
	default:
	}
	p.status <- s
}

// write sends what there is to send, until the peer is closed or does not take it. It closes the connection.
func (p *peer) write(hello wire.Hello) {
	defer func() { _ = p.conn.Close() }() // a unix socket has nothing to flush
	defer p.close("")
	err := p.conn.Send(wire.FromGuard{Hello: &hello})
	for err == nil {
		select {
		case s := <-p.status:
			err = p.conn.Send(wire.FromGuard{Status: &s})
		case <-p.closed:
			if p.bye != "" {
				_ = p.conn.Send(wire.FromGuard{Bye: p.bye}) // whoever does not hear it sees the connection end
			}
			return
		}
	}
}

// said is what a peer said, or that it is gone.
type said struct {
	by  *peer
	msg wire.ToGuard
	err error
}

// read passes on what the peer says, until it says no more.
func (p *peer) read(ctx context.Context, to chan<- said) {
	for {
		msg, err := p.conn.Receive()
		select {
		case to <- said{p, msg, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// accept passes on whoever may speak to the guard, until the listener is closed.
func accept(ctx context.Context, l net.Listener, to chan<- *peer, refused func(error)) {
	for {
		c, err := l.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if c != nil {
				_ = c.Close() // nothing was said on it
			}
			return
		}
		if err != nil {
			refused(fmt.Errorf("accept a supervisor: %w", err))
			time.Sleep(acceptRetry) // short of descriptors, most likely
			continue
		}
		pid, err := allowed(c)
		if err != nil {
			refused(errors.Join(err, c.Close()))
			continue
		}
		select {
		case to <- newPeer(c, pid):
		case <-ctx.Done():
			_ = c.Close() // nothing was said on it
			return
		}
	}
}

// allowed tells who is at the other end, if it is root or of our own user.
func allowed(c net.Conn) (pid int32, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("%T is no connection of a unix socket", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who connects: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("ask who connects: %w", err)
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return 0, fmt.Errorf("process %d of user %d may not speak to the guard", cred.Pid, cred.Uid)
	}
	return cred.Pid, nil
}
