// SPDX-License-Identifier: Apache-2.0

package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// dialMax is how long the kernel may take to connect. It waits only while many others wait to be accepted.
	dialMax = time.Second
	// beginMax is how long a guard that was begun may take until it listens: loading the program, and the lock that its
	// predecessor may hold to its end.
	beginMax = 5 * time.Second
	// dialEvery is how often a guard that was begun is tried.
	dialEvery = 5 * time.Millisecond
	// killMax is how long a killed process may take to end.
	killMax = time.Second
)

// child is the guard that this process began, until it was seen to have ended.
type child struct{ pid int }

// reach connects to the guard. If there is none, it begins one.
func (l *Link) reach(ctx context.Context) (net.Conn, error) {
	conn, err := l.dial(ctx)
	if err == nil {
		return conn, nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ECONNREFUSED) {
		return nil, fmt.Errorf("reach the guard: %w", err)
	}
	if _, alive := l.child.reap(); !alive {
		if err := l.begin(); err != nil {
			return nil, err
		}
	}
	for waited := time.Duration(0); waited < beginMax; waited += dialEvery {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(dialEvery):
		}
		if conn, err = l.dial(ctx); err == nil {
			return conn, nil
		}
		if how, alive := l.child.reap(); !alive {
			return nil, fmt.Errorf("the guard ended right after it began, with %s; its log tells why", how)
		}
	}
	return nil, fmt.Errorf("the guard does not listen %s after it began: %w", beginMax, err)
}

func (l *Link) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialMax}
	return dialer.DialContext(ctx, "unix", l.Socket)
}

// begin starts a guard that does not end with this process: in a session of its own, which no terminal and no signal to the
// group of the supervisor reaches, and nowhere in the way of an unmount.
func (l *Link) begin() error {
	cmd := exec.Command(l.Command[0], l.Command[1:]...) //nolint:noctx // a context would end the guard
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = "/"
	cmd.Stderr = cmp.Or(l.Output, os.Stderr)
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("begin the guard: %w", err)
	}
	l.child.pid = cmd.Process.Pid
	l.Log.Info().Int("pid", l.child.pid).Msg("a guard is begun")
	if err := cmd.Process.Release(); err != nil {
		return fmt.Errorf("begin the guard: %w", err)
	}
	return nil
}

// reap lets a child that has ended go, and tells how it ended, or that it lives. A child that lives on when the supervisor
// ends is its heir's to reap.
func (c *child) reap() (how string, alive bool) {
	if c.pid == 0 {
		return "", false
	}
	var status unix.WaitStatus
	pid, err := unix.Wait4(c.pid, &status, unix.WNOHANG, nil)
	switch {
	case err == nil && pid == 0, errors.Is(err, unix.EINTR):
		return "", true
	case err != nil:
		how = err.Error()
	case status.Signaled():
		how = "signal " + status.Signal().String()
	default:
		how = fmt.Sprintf("exit status %d", status.ExitStatus())
	}
	c.pid = 0
	return how, false
}

// peer returns the process that listens at the other end.
func peer(c net.Conn) (int, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("%T is no connection of a unix socket", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who listens: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("ask who listens: %w", err)
	}
	return int(cred.Pid), nil
}

// errKilled says that the guard was killed.
var errKilled = errors.New("it was killed")

// kill ends the guard at the other end, which may have stopped, and waits until it is gone. Its error says that it is, or why not.
func (s *session) kill() error {
	fd, err := unix.PidfdOpen(s.pid, 0)
	if err != nil {
		return fmt.Errorf("kill process %d: %w", s.pid, err)
	}
	process := os.NewFile(uintptr(fd), "guard")
	defer func() { _ = process.Close() }() // nothing is written to it
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("kill process %d: %w", s.pid, err)
	}
	gone := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(gone, int(killMax/time.Millisecond))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the end of process %d: %w", s.pid, err)
		case n == 0:
			return fmt.Errorf("process %d was killed and does not end", s.pid)
		default:
			return errKilled
		}
	}
}
