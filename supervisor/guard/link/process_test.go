// SPDX-License-Identifier: Apache-2.0

package link

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

// long is a right that does not run out while a test does what takes milliseconds.
const long = 20 * time.Second

func TestSupervisorIsKilledAndComesBack(t *testing.T) {
	s := newStage(t, long)
	first := s.begin("supervisor")
	guarded := s.heldBy(first)
	if session, err := unix.Getsid(guarded); err != nil || session != guarded {
		t.Errorf("the guard is in session %d: %v", session, err)
	}
	stop, from := s.always(), bootclock.Now()
	s.kill(first)
	second := s.begin("supervisor")
	if now := s.heldBy(second); now != guarded {
		t.Errorf("guard %d is there in the place of %d", now, guarded)
	}
	stop()
	if n := s.count("remove", from) + s.count("add", from); n > 0 {
		t.Errorf("the address was touched %d times", n)
	}
	s.check()
}

func TestSupervisorIsKilledForGood(t *testing.T) {
	s := newStage(t, time.Second)
	only := s.begin("supervisor")
	guarded := s.heldBy(only)
	s.kill(only)
	s.eventually("the guard lets go by itself", func() bool { return s.count("remove", 0) > 0 && !s.there(vip) })
	if !slices.Equal(s.guards(), []int{guarded}) {
		t.Errorf("the guards are %v, and it was %d", s.guards(), guarded)
	}
	s.eventually("no gate is left", func() bool { return len(s.list("gate")) == 0 })
	s.check()
}

func TestSupervisorStopsAndGoesOn(t *testing.T) {
	s := newStage(t, time.Second)
	only := s.begin("supervisor")
	guarded := s.heldBy(only)
	s.signal(only.Process.Pid, unix.SIGSTOP)
	s.eventually("the guard lets go by itself", func() bool { return s.count("remove", 0) > 0 && !s.there(vip) })
	from := bootclock.Now()
	s.signal(only.Process.Pid, unix.SIGCONT)
	s.eventually("the address is probed for and added again", func() bool { return s.count("add", from) > 0 && s.count("probe", from) > 0 })
	if now := s.heldBy(only); now != guarded {
		t.Errorf("guard %d is there in the place of %d", now, guarded)
	}
	s.check()
}

func TestGuardIsKilled(t *testing.T) {
	s := newStage(t, long)
	only := s.begin("supervisor")
	first := s.heldBy(only)
	stop, from := s.always(), bootclock.Now()
	s.signal(first, unix.SIGKILL)
	s.eventually("another guard is there", func() bool { r := s.report(); return r.Connected && r.Guard != first && r.Held })
	stop()
	if n := s.count("remove", from) + s.count("add", from); n > 0 {
		t.Errorf("the address was touched %d times", n)
	}
	s.check()
}

func TestBothAreKilled(t *testing.T) {
	s := newStage(t, time.Second)
	only := s.begin("supervisor")
	guarded := s.heldBy(only)
	s.kill(only)
	s.signal(guarded, unix.SIGKILL)
	s.eventually("the kernel lets go by itself", func() bool { return !s.serves(vip) })
	from := bootclock.Now()
	second := s.begin("supervisor")
	s.heldBy(second)
	if s.count("probe", from) == 0 {
		t.Error("the address was taken without a probe")
	}
	s.check()
}

// TestGuardStops lets a guard stop, which no end of a connection tells: its supervisor kills it and begins another one.
func TestGuardStops(t *testing.T) {
	s := newStage(t, time.Second)
	only := s.begin("supervisor")
	first := s.heldBy(only)
	s.signal(first, unix.SIGSTOP)
	s.eventually("the kernel lets go by itself", func() bool { return !s.serves(vip) })
	s.eventually("another guard is there", func() bool { r := s.report(); return r.Connected && r.Guard != first && r.Held })
	if slices.Contains(s.guards(), first) {
		t.Error("the guard that stopped is there still")
	}
	s.check()
}

// TestBothStop lets both stop within the right, and the guard go on after it: it does not act on what it was told before.
func TestBothStop(t *testing.T) {
	s := newStage(t, time.Second)
	only := s.begin("supervisor")
	guarded := s.heldBy(only)
	s.signal(guarded, unix.SIGSTOP)
	s.signal(only.Process.Pid, unix.SIGSTOP)
	s.eventually("the kernel lets go by itself", func() bool { return !s.serves(vip) })
	from := bootclock.Now()
	s.signal(guarded, unix.SIGCONT)
	s.eventually("no gate is left", func() bool { return len(s.list("gate")) == 0 })
	if n := s.count("add", from) + s.count("announce", from); n > 0 {
		t.Errorf("it acted %d times without right", n)
	}
	s.check()
}

func TestEndsOnRequest(t *testing.T) {
	s := newStage(t, long)
	only := s.begin("supervisor")
	guarded := s.heldBy(only)
	s.kill(only)
	s.signal(guarded, unix.SIGTERM)
	s.eventually("everything is let go", func() bool { return !s.there(vip) && len(s.list("gate")) == 0 })
	s.eventually("the guard has ended", func() bool { return len(s.guards()) == 0 })
}

// TestViolence kills, stops and wakes both sides at random moments, for some seconds. Whatever happens, nothing is done without
// right; and after it all is as before, and goes when the right ends.
func TestViolence(t *testing.T) {
	s := newStage(t, 400*time.Millisecond)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	supervisor := s.begin("supervisor")
	s.heldBy(supervisor)
	for range 60 {
		time.Sleep(time.Duration(random.IntN(250)) * time.Millisecond)
		guards := s.guards()
		switch random.IntN(7) {
		case 0:
			s.kill(supervisor)
			supervisor = s.begin("supervisor")
		case 1:
			s.signal(supervisor.Process.Pid, unix.SIGSTOP)
		case 2:
			s.signal(supervisor.Process.Pid, unix.SIGCONT)
		default:
			if len(guards) > 0 {
				sig := []unix.Signal{unix.SIGKILL, unix.SIGSTOP, unix.SIGCONT, unix.SIGCONT}[random.IntN(4)]
				s.signal(guards[random.IntN(len(guards))], sig)
			}
		}
	}
	s.signal(supervisor.Process.Pid, unix.SIGCONT)
	s.heldBy(supervisor)
	s.withdraw()
	s.eventually("the guard lets go", func() bool { return !s.there(vip) && len(s.list("gate")) == 0 })
	s.check()
}
