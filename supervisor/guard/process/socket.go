// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pathMax is the longest path of a unix socket, in bytes: sun_path of unix(7) less the closing zero.
	pathMax = 107
	// folderMode and fileMode are for root, or the guard's user, alone.
	folderMode, fileMode = 0o700, 0o600
	// lockMax is how long the lock of a guard that is ending may still be held.
	lockMax = 2 * time.Second
	// lockEvery is how often the lock is tried.
	lockEvery = 10 * time.Millisecond
)

// ErrRunning says that another guard listens on the socket already.
var ErrRunning = errors.New("another guard is running")

// listen makes the socket, in place of one that a guard before has left. Releasing ends the listener and then the lock.
func listen(ctx context.Context, path string) (l net.Listener, release func() error, err error) {
	if len(path) > pathMax {
		return nil, nil, fmt.Errorf("the path of the guard's socket has %d bytes and the kernel takes %d: %s", len(path), pathMax, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, nil, fmt.Errorf("make the folder of the guard's socket: %w", err)
	}
	lock, err := takeLock(ctx, path+".lock")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errors.Join(fmt.Errorf("remove the socket that a former guard left: %w", err), lock.Close())
	}
	// The kernel gives a bound socket the mode that its inode has, less the umask (unix_bind), so it is never open to others.
	narrow := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), fileMode) })
		return errors.Join(err, failed)
	}}
	l, err = narrow.Listen(ctx, "unix", path)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen for the supervisor: %w", err), lock.Close())
	}
	return l, func() error {
		err := l.Close()
		if errors.Is(err, net.ErrClosed) {
			err = nil
		}
		return errors.Join(err, lock.Close())
	}, nil
}

// takeLock takes the lock that only one guard has.
func takeLock(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the guard: %w", err)
	}
	for waited := time.Duration(0); ; waited += lockEvery {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		case waited >= lockMax:
			return nil, errors.Join(fmt.Errorf("%w: it holds %s", ErrRunning, path), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(lockEvery):
		}
	}
}
