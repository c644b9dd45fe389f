// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// endWithin bounds the wait for a process to end that was told to.
const endWithin = 20 * time.Second

// Program is something that a machine runs, again and again: one process at a time, with the children that it has. While
// one goroutine starts it, others may look at it, pause it and let it go on.
type Program struct {
	name  string // of its log as well
	node  *lab.Node
	cmd   lab.Cmd
	ready func(context.Context) error // returns when a new process is of use; nil is at once
	proc  atomic.Pointer[lab.Proc]    // the newest; nil before the first start
}

// Name returns what the program is called.
func (p *Program) Name() string { return p.name }

// Log returns the path of the file that takes what the program writes.
func (p *Program) Log() string { return p.node.SocketPath(p.cmd.LogName) }

// Started tells whether the program was ever started.
func (p *Program) Started() bool { return p.proc.Load() != nil }

// Running tells whether its process runs. One that is paused runs.
func (p *Program) Running() bool {
	proc := p.proc.Load()
	if proc == nil {
		return false
	}
	select {
	case <-proc.Done():
		return false
	default:
		return true
	}
}

// HostPID returns the pid of the newest process as the host sees it, or -1 if there is none.
func (p *Program) HostPID() int {
	if proc := p.proc.Load(); proc != nil {
		return proc.HostPID()
	}
	return -1
}

// Start starts the program, and waits until it is of use where that can be told. A program that runs is left alone.
func (p *Program) Start(ctx context.Context) error {
	if p.Running() {
		return nil
	}
	proc, err := p.node.Start(ctx, p.cmd)
	if err != nil {
		return fmt.Errorf("fleet: start %s: %w", p.name, err)
	}
	p.proc.Store(proc)
	if p.ready == nil {
		return nil
	}
	return p.ready(ctx)
}

// Signal sends a signal to the process alone, and not to its children.
func (p *Program) Signal(sig syscall.Signal) error {
	proc := p.proc.Load()
	if proc == nil {
		return p.neverStarted()
	}
	if _, err := proc.Signal(sig); err != nil {
		return fmt.Errorf("fleet: %s: %w", p.name, err)
	}
	return nil
}

// Wait returns when the process has ended.
func (p *Program) Wait(ctx context.Context) (lab.Exit, error) {
	proc := p.proc.Load()
	if proc == nil {
		return lab.Exit{}, p.neverStarted()
	}
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	exit, err := proc.Wait(ctx)
	if err != nil {
		return exit, fmt.Errorf("fleet: %s of %s does not end: %w", p.name, p.node.Name(), err)
	}
	return exit, nil
}

func (p *Program) neverStarted() error {
	return fmt.Errorf("fleet: %s of %s was never started", p.name, p.node.Name())
}

// Stop asks the program to end, as a service manager would, and waits for it.
func (p *Program) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

// Strike kills the process and its children, and does not wait for their end.
func (p *Program) Strike() error { return p.group(syscall.SIGKILL) }

// Kill kills the process and its children, and returns when they have ended.
func (p *Program) Kill(ctx context.Context) error {
	if err := p.Strike(); err != nil {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

// Pause stops the process and its children from running, as a machine that hangs would (SIGSTOP).
func (p *Program) Pause() error { return p.group(syscall.SIGSTOP) }

// Resume lets them run again.
func (p *Program) Resume() error { return p.group(syscall.SIGCONT) }

// group signals the process with its children: the lab starts each process as the leader of a group of its own.
func (p *Program) group(sig syscall.Signal) error {
	if !p.Running() || p.HostPID() <= 1 {
		return nil
	}
	if err := syscall.Kill(-p.HostPID(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("fleet: %s of %s: %s: %w", p.name, p.node.Name(), sig, err)
	}
	return nil
}
