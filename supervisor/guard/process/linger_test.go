// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

// short is a time after which a guard of these tests ends that nobody needs.
const short = 300 * time.Millisecond

// gone waits until the guard has ended by itself.
func (s *started) gone(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the guard does not end")
	}
	if !strings.Contains(s.log.String(), "nobody has needed the guard") {
		t.Error("the log does not tell why it ended")
	}
	if _, err := os.Stat(s.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is there still: %v", err)
	}
}

func (s *started) running() bool {
	select {
	case err := <-s.ended:
		s.ended <- err
		return false
	default:
		return true
	}
}

func TestEndsWhenNobodyCame(t *testing.T) {
	began := bootclock.Now()
	g := startFor(t, newKernel(), short)
	g.gone(t)
	if lived := bootclock.Now().Sub(began); lived < short {
		t.Errorf("it lived for %s only", lived)
	}
}

// TestStaysForItsSupervisor: a supervisor may have nothing to hold for as long as it likes.
func TestStaysForItsSupervisor(t *testing.T) {
	g := startFor(t, newKernel(), short)
	v := g.connect(t)
	v.order(0)
	time.Sleep(4 * short)
	if !g.running() {
		t.Fatal("it left its supervisor")
	}
	v.Close()
	g.gone(t)
}

// TestStaysUntilNothingIsLeft: what is held is held to its deadline, and only then does the time begin to count. A deadline that has
// passed and an address that cannot be removed are two things.
func TestStaysUntilNothingIsLeft(t *testing.T) {
	k := newKernel()
	release := make(chan struct{})
	k.on("remove", func() { <-release })
	g := startFor(t, k, short)
	v := g.connect(t)
	v.order(time.Minute, vip)
	v.await("it is held", held)
	until := v.order(5*short, vip)
	v.await("the order is known", held)
	v.Close()
	eventually(t, "it is being removed", func() bool { return k.did("remove") > 0 })
	if now := bootclock.Now(); now < until {
		t.Errorf("it is removed %s before the deadline", until.Sub(now))
	}
	time.Sleep(4 * short)
	if !g.running() {
		t.Fatal("it ended and left an address")
	}
	freed := bootclock.Now()
	close(release)
	g.gone(t)
	if after := bootclock.Now().Sub(freed); after < short || !g.empty() {
		t.Errorf("it ended %s after it was rid of all, with %v behind %v", after, g.links, g.gates)
	}
}

// TestComesBackInTime: whoever is back before the guard has ended finds it as it was.
func TestComesBackInTime(t *testing.T) {
	g := startFor(t, newKernel(), patience)
	first := g.connect(t)
	first.order(time.Minute, vip)
	first.await("it is held", held)
	first.order(0)
	first.await("it is gone", func(s guard.Status) bool { return s.Gone("vip") })
	first.Close()
	second := g.connect(t)
	if second.hello.Since != first.hello.Since {
		t.Error("another guard is there")
	}
}
