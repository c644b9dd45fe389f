// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// errNoGuard is why a guard cannot be hit.
var errNoGuard = errors.New("no guard runs there")

// guards knows which guards stand still, and until when.
type guards struct {
	mu    sync.Mutex
	until map[int]time.Time // by the pid that the host sees
}

// guardOf returns the guard of a machine, as a file that stands for the process.
func (s *Stage) guardOf(name string) (*os.File, int, error) {
	m, err := s.node(name)
	if err != nil {
		return nil, 0, err
	}
	return findGuard(m.Node)
}

// findGuard finds the guard among the processes of a node. The process is held before it is looked at, so that a number that is
// used again is never hit.
func findGuard(n *lab.Node) (*os.File, int, error) {
	world, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", n.InitPID()))
	if err != nil {
		return nil, 0, errNoGuard // it has no power
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, 0, fmt.Errorf("list processes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !isGuard(pid, world) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		if process := os.NewFile(uintptr(fd), "guard"); isGuard(pid, world) {
			return process, pid, nil
		} else if err := process.Close(); err != nil {
			return nil, 0, fmt.Errorf("leave process %d: %w", pid, err)
		}
	}
	return nil, 0, errNoGuard
}

func isGuard(pid int, world string) bool {
	in, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil || in != world {
		return false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := bytes.Split(line, []byte{0})
	return err == nil && len(args) > 1 && string(args[1]) == "guard"
}

func signal(process *os.File, sig unix.Signal) error {
	return unix.PidfdSendSignal(int(process.Fd()), sig, nil, 0)
}

func (s *Stage) killGuard(_ context.Context, f script.Fault) error {
	process, _, err := s.guardOf(f.Node)
	if err != nil {
		return err
	}
	return errors.Join(signal(process, unix.SIGKILL), process.Close())
}

// pauseGuard lets a guard stand still for a while, and returns at once. One that was replaced meanwhile has ended.
func (s *Stage) pauseGuard(_ context.Context, f script.Fault) error {
	process, pid, err := s.guardOf(f.Node)
	if err != nil {
		return err
	}
	if err := s.guards.begin(pid, process, time.Now().Add(f.For)); err != nil {
		return errors.Join(err, process.Close())
	}
	s.work.Go(func() {
		defer func() { _ = process.Close() }() // nothing is written to it
		timer := time.NewTimer(f.For)
		defer timer.Stop()
		select {
		case <-s.ended.Done():
			return // it ends with the world
		case <-timer.C:
		}
		went, err := s.guards.endDue(pid, process, time.Now())
		switch who := moments.GuardOf(f.Node); {
		case errors.Is(err, unix.ESRCH):
			s.diary.tell(moments.OfReplaced(s.Now(), who))
		case went || err != nil:
			s.diary.tell(moments.OfResumed(s.Now(), who, err))
		}
	})
	return nil
}

// begin pauses a process until a time. Of several times the latest counts.
func (g *guards) begin(pid int, process *os.File, until time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until == nil {
		g.until = map[int]time.Time{}
	}
	if until.After(g.until[pid]) {
		g.until[pid] = until
	}
	return signal(process, unix.SIGSTOP)
}

// endDue lets a process go on whose time is up, and tells whether it does.
func (g *guards) endDue(pid int, process *os.File, now time.Time) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, paused := g.until[pid]; !paused || now.Before(until) {
		return false, nil
	}
	delete(g.until, pid)
	return true, signal(process, unix.SIGCONT)
}

// byHand returns the machine that is given an address by hand, or loses it, and the wire of the address.
func (s *Stage) byHand(f script.Fault) (*fleet.Machine, *wire, error) {
	w, known := s.wires[f.Peer]
	if !known {
		return nil, nil, fmt.Errorf("there is no resource %q", f.Peer)
	}
	m, err := s.machine(f.Node)
	return m, w, err
}

// addByHand gives a machine an address, as somebody might who does not know that it is a virtual one.
func (s *Stage) addByHand(ctx context.Context, f script.Fault) error {
	m, w, err := s.byHand(f)
	if err != nil {
		return err
	}
	w.stray(f.Node, true)
	if _, err = m.Node.Run(ctx, "ip", "addr", "add", w.address.String(), "dev", lab.InterfaceName(0)); err != nil {
		w.stray(f.Node, false) // it has it already
	}
	return err
}

// delByHand takes it away again, from whoever has it.
func (s *Stage) delByHand(ctx context.Context, f script.Fault) error {
	m, w, err := s.byHand(f)
	if err != nil {
		return err
	}
	_, err = m.Node.Run(ctx, "ip", "addr", "del", w.address.String(), "dev", lab.InterfaceName(0))
	w.stray(f.Node, false)
	return err
}
