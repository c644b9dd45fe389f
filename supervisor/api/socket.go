// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketMode = 0o660 // owner and group may use the API
	folderMode = 0o750 // of a folder that has to be made for the socket
	// pathMax is the longest path of a unix socket, in bytes: sun_path of unix(7)
	// less the closing zero.
	pathMax = 107
)

// listen makes the socket. The socket of a process that is gone is replaced, a
// live one is refused.
func listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > pathMax {
		return nil, fmt.Errorf("the socket's path has %d bytes and the kernel takes %d; choose a shorter api.socket than %s", len(path), pathMax, path)
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return nil, fmt.Errorf("make the folder of the API's socket: %w", err)
	}
	unlock, err := lockFolder(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearStale(ctx, path); err != nil {
		return nil, err
	}
	// The kernel gives a bound socket the mode that its inode has, less the umask
	// (unix_bind), so the socket is at no moment open to everybody.
	narrow := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), socketMode) })
		return errors.Join(err, failed)
	}}
	l, err := narrow.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("give the API's socket its mode: %w", err), l.Close())
	}
	return &listener{Listener: l, slots: make(chan struct{}, connectionsMax), closed: make(chan struct{})}, nil
}

// lockFolder keeps two processes that start at once from taking each other's
// fresh socket for a stale one. The kernel drops the lock with the process.
func lockFolder(ctx context.Context, folder string) (unlock func(), err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the API's socket: %w", err)
	}
	for waited := time.Duration(0); ; waited += lockMax / 100 {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing drops the lock, and a folder has nothing to flush
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || waited >= lockMax {
			break
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(lockMax / 100):
		}
	}
	return nil, errors.Join(fmt.Errorf("lock the folder of the API's socket %s: %w", folder, err), f.Close())
}

// clearStale removes a socket that nobody listens on.
func clearStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the API's socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket; move it away, or choose another api.socket", path)
	}
	dialer := net.Dialer{Timeout: probeMax}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(inUse(path), conn.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		// It does not answer, which does not prove that nobody is there.
		return fmt.Errorf("%w: %w", inUse(path), err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket that a dead process left: %w", err)
	}
	return nil
}

func inUse(path string) error {
	return fmt.Errorf("another process listens on %s; is evenkeel running already? Stop it, or choose another api.socket", path)
}

// listener hands out at most connectionsMax connections at a time, each with the
// user at its other end.
type listener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a free slot, then for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &conn{Conn: c, user: userOf(c), free: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close also ends an Accept that waits for a slot.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// conn is one connection and the user at its other end.
type conn struct {
	net.Conn
	user string
	free func()
}

// Close gives the slot back.
func (c *conn) Close() error {
	c.free()
	return c.Conn.Close()
}
