// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/balancer"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

func TestNothingIsDoneAfterAuthorityRanOut(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		b.Until(time.Now().Add(100 * time.Millisecond))
		time.Sleep(100 * time.Millisecond)
		m.maint("a") // the keeper finds work, and an old duty that is not frozen
		applied := func(m *model) int { return len(m.applied) }
		before := m.count(applied)
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve)})
		time.Sleep(2 * time.Second)
		if m.count(applied) != before {
			t.Error("it went on")
		}
		if r := b.state(); r.InStep || !strings.Contains(r.Reason, "majority") {
			t.Errorf("report %+v", r)
		}
		b.Until(time.Now().Add(time.Hour))
		time.Sleep(time.Second)
		if m.admin("a") != lbsync.Ready || m.admin("b") != lbsync.Maint || !b.state().InStep {
			t.Errorf("with authority again: a %v, b %v, %+v", m.admin("a"), m.admin("b"), b.state())
		}
	})
}

func TestDutyThatFreezesInMidPassIsHeeded(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		m.with(func(m *model) { m.slow = time.Second })
		b.Do([]converge.Duty{duty(cluster.Out, cluster.Serve, cluster.Serve)})
		time.Sleep(500 * time.Millisecond) // Apply is under way
		frozen := duty(cluster.Out, cluster.Out, cluster.Serve)
		frozen.Frozen = "no quorum"
		b.Do([]converge.Duty{frozen})
		m.restart() // what was applied is gone, so that there is more to do
		time.Sleep(5 * time.Second)
		if m.admin("b") != lbsync.Ready || b.state().Reason != "no quorum" {
			t.Errorf("b %v, report %+v", m.admin("b"), b.state())
		}
	})
}

func TestDriverThatCannotBeMadeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, fails := newModel("a", "b", "c"), 3
		b := &bench{Set: balancer.NewSet(func(s cluster.BalancerSpec) (lbsync.Driver, error) {
			if fails--; fails >= 0 {
				return nil, errors.New("no such folder")
			}
			return m.open(s)
		}, zerolog.Nop())}
		b.Until(time.Now().Add(time.Hour))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx, b.report) }()
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve)})
		time.Sleep(time.Second)
		if r := b.state(); r.InStep || !strings.Contains(r.Reason, "no such folder") {
			t.Errorf("report %+v", r)
		}
		time.Sleep(10 * time.Second)
		if !b.state().InStep || m.admin("b") != lbsync.Maint {
			t.Errorf("report %+v, b %v", b.state(), m.admin("b"))
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestMissingServerDoesNotKeepTheOthersFromBeingDriven(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve, cluster.Serve)}) // d is not there
		time.Sleep(time.Second)
		if r := b.state(); r.InStep || !strings.Contains(r.Reason, "no server d") || m.admin("b") != lbsync.Maint {
			t.Errorf("report %+v, b %v", r, m.admin("b"))
		}
	})
}

func TestOneKeeperAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		m.with(func(m *model) { m.slow = 300 * time.Millisecond })
		for i, file := range []string{"/a", "/b", "", "/c"} {
			d := duty(cluster.Serve, []cluster.Service{cluster.Out, cluster.Serve}[i%2], cluster.Serve)
			d.Balancer.StateFile = file
			b.Do([]converge.Duty{d})
			time.Sleep(100 * time.Millisecond)
		}
		b.Do(nil)
		time.Sleep(10 * time.Millisecond)
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve)})
		time.Sleep(5 * time.Second)
		m.with(func(m *model) {
			if m.most != 1 || m.drivers != 1 {
				t.Errorf("%d keepers at once, %d now; want 1", m.most, m.drivers)
			}
		})
		if m.admin("b") != lbsync.Maint || !b.state().InStep {
			t.Errorf("b %v, %+v", m.admin("b"), b.state())
		}
	})
}

func TestStateFileThatCannotBeWrittenIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		m.with(func(m *model) { m.unkept = errors.New("read-only file system") })
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve)})
		time.Sleep(30 * time.Second)
		r := b.state()
		if !r.InStep || !strings.Contains(r.Reason, "read-only") || m.admin("b") != lbsync.Maint || !b.noticed("balancer.state-file") {
			t.Errorf("report %+v, notices %v", r, b.notices)
		}
		if n := m.count(func(m *model) int { return m.persists }); n > 10 {
			t.Errorf("it was tried %d times in 30 s", n)
		}
		m.with(func(m *model) { m.unkept = nil })
		time.Sleep(10 * time.Second)
		if r := b.state(); !r.InStep || r.Reason != "" || m.count(func(m *model) int { return len(m.kept) }) != 1 {
			t.Errorf("report %+v", r)
		}
	})
}

func TestHintsAreNoWhip(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		count := func(m *model) int { return m.looks }
		before := m.count(count)
		for range 10_000 { // a line of traffic each 100 µs
			select {
			case m.hints <- struct{}{}:
			default:
			}
			time.Sleep(100 * time.Microsecond)
		}
		if looks := m.count(count) - before; looks > 60 {
			t.Errorf("%d looks in one second", looks)
		}
	})
}

// TestLostAfterTwoLooks: one look that fails may be a reload. When two in a row fail the balancer is lost, until one succeeds.
func TestLostAfterTwoLooks(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		m.with(func(m *model) { m.hung, m.looks = true, 0 })
		for m.count(func(m *model) int { return m.looks }) < 2 {
			time.Sleep(time.Millisecond)
		}
		if r := b.state(); r.InStep || r.Lost {
			t.Errorf("after one look that failed: %+v", r)
		}
		time.Sleep(600 * time.Millisecond)
		if r := b.state(); !r.Lost {
			t.Errorf("after two: %+v", r)
		}
		m.with(func(m *model) { m.hung = false })
		time.Sleep(2 * time.Second)
		if r := b.state(); r.Lost || !r.InStep {
			t.Errorf("after it is back: %+v", r)
		}
	})
}
