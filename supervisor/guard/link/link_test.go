// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
)

// within is a link that runs within the test, with a guard of a process of its own.
type within struct {
	*Link
	*stage
	stop  func()
	want  dialogue.Wanted
	mu    sync.Mutex
	heard []Report
}

// run runs a link that begins a program in a role as its guard.
func run(t *testing.T, s *stage, role string, output *os.File) *within {
	t.Helper()
	w := &within{stage: s}
	w.Link = New(Options{
		Socket: socket(s.kernel), Output: output, Log: zerolog.New(zerolog.NewTestWriter(t)),
		Command: []string{"/usr/bin/env", envRole + "=" + role, envFolder + "=" + s.folder, os.Args[0]},
		Report: func(r Report) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.heard = append(w.heard, r)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	w.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(w.stop)
	return w
}

// wants wants something, and returns the number of the order that says so.
func (w *within) wants(n dialogue.Want) uint64 {
	w.want = w.want.Next(n)
	w.Want(w.want)
	return w.want.Number
}

func (w *within) last() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heard) == 0 {
		return Report{}
	}
	return w.heard[len(w.heard)-1]
}

func (w *within) await(what string, cond func(Report) bool) Report {
	w.t.Helper()
	w.eventually(what, func() bool { return cond(w.last()) })
	return w.last()
}

func unit(epoch uint64, addresses ...guard.Address) guard.Unit {
	return guard.Unit{Resource: "a", Epoch: epoch, Addresses: addresses}
}

func TestHoldsMovesAndReleases(t *testing.T) {
	s := newStage(t, long)
	w := run(t, s, "guard", nil)
	n := w.wants(dialogue.Want{Links: []string{"eth0", "eth1"}, Until: bootclock.Now().Add(long)})
	w.await("the order is known", func(r Report) bool { return r.Status.Answers == n })
	w.eventually("the gates are made ready", func() bool { return w.count("prepare", 0) == 2 })
	n = w.wants(dialogue.Want{Units: []guard.Unit{unit(1, vip)}, Until: bootclock.Now().Add(long)})
	r := w.await("it is held", func(r Report) bool { return r.Status.Answers == n && r.Status.Holds("a", 1) })
	if !r.Connected || r.Guard.Class != "files" || r.Guard.Version != "test" || r.Err != nil {
		t.Errorf("it reports %+v", r)
	}
	// An earlier deadline takes a whole order, since an extension never takes anything.
	soon := bootclock.Now().Add(long / 2)
	if again := w.wants(dialogue.Want{Units: []guard.Unit{unit(1, vip)}, Until: soon}); again != n {
		t.Errorf("the same units have numbers %d and %d", n, again)
	}
	w.await("the deadline is earlier", func(Report) bool { return w.ends(w.gate(vip.Prefix.Addr(), vip.Interface)) == soon })
	n = w.wants(dialogue.Want{Until: bootclock.Now().Add(long)})
	w.await("it is gone", func(r Report) bool { return r.Status.Answers == n && r.Status.Gone("a") })
	if w.there(vip) {
		t.Error("it is called gone and is there")
	}
}

// TestLapsedAndEarnedAgain lets the deadline pass while the supervisor has no right, and then has one again.
func TestLapsedAndEarnedAgain(t *testing.T) {
	s := newStage(t, long)
	w := run(t, s, "guard", nil)
	units := []guard.Unit{unit(1, vip)}
	w.wants(dialogue.Want{Units: units, Until: bootclock.Now().Add(500 * time.Millisecond)})
	w.await("it is held", func(r Report) bool { return r.Status.Holds("a", 1) })
	w.await("it has lapsed", func(r Report) bool { return r.Status.Lapsed && r.Status.Gone("a") })
	w.wants(dialogue.Want{Units: units, Until: bootclock.Now().Add(long)})
	w.await("it is held again", func(r Report) bool { return r.Status.Holds("a", 1) && w.serves(vip) })
}

// TestReaderOfTheLogIsGone closes the pipe that the guard writes its log to: the guard is there still, and does as it is told.
func TestReaderOfTheLogIsGone(t *testing.T) {
	s := newStage(t, long)
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w := run(t, s, "guard", out)
	w.wants(dialogue.Want{Units: []guard.Unit{unit(1, vip)}, Until: bootclock.Now().Add(long)})
	first := w.await("it is held", func(r Report) bool { return r.Status.Holds("a", 1) }).Guard.PID
	r.Close()
	out.Close()
	for epoch := uint64(2); epoch < 20; epoch++ {
		n := w.wants(dialogue.Want{Units: []guard.Unit{unit(epoch, vip)}, Until: bootclock.Now().Add(long)})
		w.await("the next epoch is held", func(r Report) bool { return r.Status.Answers == n && r.Status.Holds("a", epoch) })
	}
	if now := w.last().Guard.PID; now != first {
		t.Errorf("guard %d is there in the place of %d", now, first)
	}
}

// TestGuardThatCannotBegin begins a program that ends at once.
func TestGuardThatCannotBegin(t *testing.T) {
	s := newStage(t, long)
	w := run(t, s, "failure", nil)
	r := w.await("it says why", func(r Report) bool { return r.Err != nil && !r.Connected })
	if !strings.Contains(r.Err.Error(), "exit status 7") {
		t.Errorf("it says %v", r.Err)
	}
}

func TestNoSuchProgram(t *testing.T) {
	w := &within{stage: newStage(t, long)}
	l := New(Options{Socket: socket(w.kernel), Command: []string{"/does/not/exist"}})
	if _, err := l.attempt(t.Context()); err == nil || !strings.Contains(err.Error(), "/does/not/exist") {
		t.Errorf("it says %v", err)
	}
}

// TestForeignProtocol meets a guard that cannot be talked to, and puts one in its place that can.
func TestForeignProtocol(t *testing.T) {
	s := newStage(t, long)
	foreigner := s.begin("foreigner")
	s.eventually("it listens", func() bool { _, err := os.Stat(socket(s.kernel)); return err == nil })
	w := run(t, s, "guard", nil)
	w.wants(dialogue.Want{Units: []guard.Unit{unit(1, vip)}, Until: bootclock.Now().Add(long)})
	w.await("it is held", func(r Report) bool { return r.Status.Holds("a", 1) })
	if err := foreigner.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the other guard ended with %v", err)
	}
}

// TestSecondSupervisorIsWaitedFor lets another supervisor take the guard: the first one does not take it back at once.
func TestSecondSupervisorIsWaitedFor(t *testing.T) {
	s := newStage(t, long)
	first := run(t, s, "guard", nil)
	first.wants(dialogue.Want{Units: []guard.Unit{unit(1, vip)}, Until: bootclock.Now().Add(long)})
	first.await("it is held", func(r Report) bool { return r.Status.Holds("a", 1) })
	second := run(t, s, "guard", nil)
	r := first.await("it hears that it was replaced", func(r Report) bool { return !r.Connected })
	if r.Err == nil || !strings.Contains(r.Err.Error(), "another supervisor") {
		t.Errorf("it says %v", r.Err)
	}
	n := second.wants(dialogue.Want{Until: bootclock.Now().Add(long)})
	second.await("it is gone", func(r Report) bool { return r.Connected && r.Status.Answers == n && r.Status.Gone("a") })
}

// TestLeavesNoZombie kills the guard that the link began, and looks for what is left of it.
func TestLeavesNoZombie(t *testing.T) {
	s := newStage(t, long)
	w := run(t, s, "guard", nil)
	first := w.await("it is connected", func(r Report) bool { return r.Connected }).Guard.PID
	s.signal(first, unix.SIGKILL)
	w.await("another guard is there", func(r Report) bool { return r.Connected && r.Guard.PID != first })
	if err := unix.Kill(first, 0); err != unix.ESRCH {
		t.Errorf("process %d is there still: %v", first, err)
	}
	w.stop()
	if n := len(s.guards()); n != 1 {
		t.Errorf("%d guards outlive the link", n)
	}
}
