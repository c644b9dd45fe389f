// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Proc is a process that was started in a node.
type Proc struct {
	pid     int
	hostPID int
	conn    *net.UnixConn // PID 1 tells the end on it
	done    chan struct{} // closed after exit was written
	exit    Exit

	mu    sync.Mutex
	pidfd *os.File // closed when the process has ended
	ended bool
}

// newProc reads PID 1's first answer.
func newProc(conn *net.UnixConn) (*Proc, error) {
	r, pidfd, err := receive[reply](conn)
	if err != nil {
		return nil, err
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	if pidfd == nil {
		return nil, errors.New("start: PID 1 sent no pidfd")
	}
	hostPID, err := pidOf(pidfd)
	if err != nil {
		return nil, errors.Join(err, pidfd.Close())
	}
	return &Proc{pid: r.PID, hostPID: hostPID, conn: conn, done: make(chan struct{}), pidfd: pidfd}, nil
}

// pidOf returns the pid behind a pidfd as this process sees it: -1 if it has ended (pidfd_open(2)).
func pidOf(pidfd *os.File) (int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd.Fd()))
	if err != nil {
		return 0, fmt.Errorf("pid on the host: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "Pid:"); ok {
			pid, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				return 0, fmt.Errorf("pid on the host: %w", err)
			}
			return pid, nil
		}
	}
	return 0, errors.Join(errors.New("pid on the host: the kernel does not tell"), lines.Err())
}

// PID returns the process's pid inside its node.
func (p *Proc) PID() int { return p.pid }

// HostPID returns the process's pid as the host sees it, or -1 if it had ended before it could be asked.
func (p *Proc) HostPID() int { return p.hostPID }

// Done is closed when the process has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Signal sends a signal and returns the time right after. For a process that has ended it returns [os.ErrProcessDone];
// the signal never reaches another process that got the same pid.
func (p *Proc) Signal(sig syscall.Signal) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return time.Time{}, os.ErrProcessDone
	}
	err := unix.PidfdSendSignal(int(p.pidfd.Fd()), sig, nil, 0)
	at := time.Now()
	if errors.Is(err, unix.ESRCH) {
		return at, os.ErrProcessDone
	}
	if err != nil {
		return at, fmt.Errorf("lab: signal %d with %s: %w", p.hostPID, sig, err)
	}
	return at, nil
}

// Kill sends SIGKILL and returns the time right after. It is no error if the process has ended.
func (p *Proc) Kill() (time.Time, error) {
	at, err := p.Signal(syscall.SIGKILL)
	if errors.Is(err, os.ErrProcessDone) {
		return time.Now(), nil
	}
	return at, err
}

// Wait returns how the process ended, when it has, or the error of ctx.
func (p *Proc) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

// await takes the message that the process ended. If PID 1 is gone instead, everything in the node was killed with it.
func (p *Proc) await() {
	r, _, err := receive[reply](p.conn)
	exit := Exit{Code: r.Code, Signal: syscall.Signal(r.Signal), At: time.Now()}
	if err != nil {
		exit = Exit{Code: -1, Signal: syscall.SIGKILL, At: exit.At}
	}
	_ = p.conn.Close()
	p.mu.Lock()
	p.ended = true
	_ = p.pidfd.Close()
	p.mu.Unlock()
	p.exit = exit
	close(p.done)
}

// String says how the process ended, as in "exit code 3" or "killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		return e.Signal.String()
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
