// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// InitArg is the hidden first argument that makes the binary a node's PID 1. Main compares os.Args[1] with it before
// anything else, and then returns what [Init] returns.
const InitArg = "__lab-init"

// agentFD is the listening socket that PID 1 inherits: the first descriptor after the standard three.
const agentFD = 3

// agent is PID 1 of a node. One goroutine, on one thread that never ends, starts and reaps all processes.
type agent struct {
	starts chan start // no buffer
	procs  map[int]chan reply
	stdin  *os.File
}

type start struct {
	request
	output *os.File
	answer chan started
}

type started struct {
	pid   int
	pidfd *os.File
	exit  chan reply // holds one
	err   error
}

// Init is PID 1 of a node. Args are the arguments after [InitArg]. It returns only when it cannot work, with the code to
// exit with; the node's end is SIGKILL.
func Init(args []string) int {
	err := errors.New("want one argument, the node as JSON")
	if len(args) == 1 {
		err = runAgent(args[0])
	}
	_, _ = fmt.Fprintln(os.Stderr, "lab node:", err)
	return 1
}

func runAgent(arg string) error {
	var s spec
	if err := json.Unmarshal([]byte(arg), &s); err != nil {
		return fmt.Errorf("argument: %w", err)
	}
	// Signals that would end it are swallowed, not ignored: children inherit what is ignored.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	children := make(chan os.Signal, 1) // one pending wake-up is enough: reap takes all
	signal.Notify(children, unix.SIGCHLD)
	if s.Isolated {
		if err := makeMachine(s.Hostname); err != nil {
			return err
		}
	} else if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become reaper: %w", err)
	}
	socket := os.NewFile(agentFD, "agent")
	listener, err := net.FileListener(socket)
	if err = errors.Join(err, socket.Close()); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	a := &agent{starts: make(chan start), procs: map[int]chan reply{}, stdin: stdin}
	failed := make(chan error, 1)
	go func() { failed <- a.accept(listener) }()
	// Children get SIGKILL when the thread that started them ends, so it must be one that stays.
	runtime.LockOSThread()
	for {
		select {
		case s := <-a.starts:
			s.answer <- a.start(s)
		case <-children:
			a.reap()
		case err := <-failed:
			return fmt.Errorf("control socket: %w", err)
		}
	}
}

func (a *agent) accept(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go a.serve(conn.(*net.UnixConn))
	}
}

// serve handles one connection, which is one process. If the other side goes away, the process runs on.
func (a *agent) serve(conn *net.UnixConn) {
	defer func() { _ = conn.Close() }()
	req, output, err := receive[request](conn)
	if err != nil {
		return
	}
	if req.Path == "" || output == nil {
		_ = send(conn, reply{}, nil)
		return
	}
	answer := make(chan started, 1)
	a.starts <- start{request: req, output: output, answer: answer}
	s := <-answer
	_ = output.Close()
	if s.err != nil {
		_ = send(conn, reply{Error: s.err.Error()}, nil)
		return
	}
	if err := send(conn, reply{PID: s.pid}, s.pidfd); err != nil {
		// Whoever asked for it has given up, and nobody else knows of it.
		_ = unix.PidfdSendSignal(int(s.pidfd.Fd()), unix.SIGKILL, nil, 0)
	}
	_ = s.pidfd.Close()
	_ = send(conn, <-s.exit, nil)
}

func (a *agent) start(s start) started {
	pidfd := -1
	out := s.output.Fd()
	pid, err := syscall.ForkExec(s.Path, s.Args, &syscall.ProcAttr{
		Dir:   s.Dir,
		Env:   append(os.Environ(), s.Env...),
		Files: []uintptr{a.stdin.Fd(), out, out},
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd},
	})
	if err != nil {
		return started{err: fmt.Errorf("start %s: %w", s.Path, err)}
	}
	if pidfd < 0 {
		// Not a process that can be signalled without a race: the kernel is older than 5.2.
		return started{err: errors.Join(fmt.Errorf("start %s: the kernel has no pidfd", s.Path), unix.Kill(pid, unix.SIGKILL))}
	}
	exit := make(chan reply, 1)
	a.procs[pid] = exit
	return started{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), exit: exit}
}

// reap takes the status of every ended child: of those it started, and of orphans that it inherited.
func (a *agent) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		exit, known := a.procs[pid]
		if !known || !status.Exited() && !status.Signaled() {
			continue
		}
		delete(a.procs, pid)
		r := reply{Exited: true, Code: status.ExitStatus()}
		if status.Signaled() {
			r.Signal = int(status.Signal())
		}
		exit <- r
	}
}
