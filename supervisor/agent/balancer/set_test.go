// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/balancer"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// model is a balancer in memory. It stands for the port lbsync.Driver; the
// driver of the real HAProxy is tested against the real HAProxy.
type model struct {
	mu      sync.Mutex
	epoch   lbsync.Epoch
	servers map[lbsync.Key]lbsync.Have
	hung    bool
	deaf    bool // operations are taken and have no effect
	applied []string
	kept    []lbsync.Kept
	hints   chan struct{}

	slow     time.Duration // how long Apply takes
	unkept   error         // what Persist answers
	persists int
	looks    int
	drivers  int // keepers that hold the model now
	most     int // most of them at once
}

func newModel(names ...string) *model {
	m := &model{epoch: lbsync.Epoch{PID: 1, Started: time.Now()}, servers: map[lbsync.Key]lbsync.Have{}, hints: make(chan struct{}, 1)}
	for _, n := range names {
		m.servers[lbsync.Key{Backend: "web", Server: n}] = lbsync.Have{Weight: 100, InitWeight: 100, Up: true}
	}
	return m
}

func (m *model) Caps() lbsync.Caps {
	return lbsync.Caps{Drain: true, Kill: true, Weight: true, Sessions: true, Events: true, Persist: true}
}

// SelfTest refuses servers that are not there, as the driver of HAProxy does.
func (m *model) SelfTest(_ context.Context, keys []lbsync.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		if _, ok := m.servers[k]; !ok {
			return errors.New("there is no server " + k.String())
		}
	}
	return nil
}

func (m *model) Close(context.Context) error {
	m.with(func(m *model) { m.drivers-- })
	return nil
}

func (m *model) open(cluster.BalancerSpec) (lbsync.Driver, error) {
	m.with(func(m *model) {
		m.drivers++
		m.most = max(m.most, m.drivers)
	})
	return m, nil
}

func (m *model) Observe(ctx context.Context, _ []string) (lbsync.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	if m.hung {
		m.mu.Unlock()
		wait, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		<-wait.Done()
		cancel()
		m.mu.Lock()
		return lbsync.Snapshot{}, errors.New("no answer")
	}
	return lbsync.Snapshot{Epoch: m.epoch, Servers: maps.Clone(m.servers)}, nil
}

func (m *model) Apply(ctx context.Context, at lbsync.Epoch, ops []lbsync.Op) (lbsync.Snapshot, []lbsync.OpErr, error) {
	m.mu.Lock()
	if slow := m.slow; slow > 0 {
		m.mu.Unlock()
		time.Sleep(slow)
		m.mu.Lock()
	}
	if !at.Equal(m.epoch) {
		m.mu.Unlock()
		return lbsync.Snapshot{}, nil, lbsync.ErrEpoch
	}
	var failed []lbsync.OpErr
	for _, op := range ops {
		m.applied = append(m.applied, op.String())
		h := m.servers[op.Key]
		if !m.deaf {
			switch op.Kind {
			case lbsync.OpReady:
				h.Admin = lbsync.Ready
			case lbsync.OpDrain:
				h.Admin = lbsync.Drain
			case lbsync.OpMaint:
				h.Admin = lbsync.Maint
			case lbsync.OpWeight:
				h.Weight = op.Weight
			case lbsync.OpHealthDown, lbsync.OpKill:
			}
			m.servers[op.Key] = h
		}
		if !op.Confirmed(h) {
			failed = append(failed, lbsync.OpErr{Op: op, Err: errors.New("the read-back does not show it")})
		}
	}
	m.mu.Unlock()
	snap, err := m.Observe(ctx, nil)
	return snap, failed, err
}

func (m *model) Persist(_ context.Context, keep []lbsync.Kept) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.persists++
	if m.unkept == nil {
		m.kept = keep
	}
	return m.unkept
}

func (m *model) Watch(context.Context) <-chan struct{} { return m.hints }

// restart replaces the process: every state is as configured again.
func (m *model) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch.PID++
	for k := range m.servers {
		m.servers[k] = lbsync.Have{Weight: 100, InitWeight: 100, Up: true}
	}
}

// maint is somebody else's doing.
func (m *model) maint(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := lbsync.Key{Backend: "web", Server: name}
	h := m.servers[k]
	h.Admin = lbsync.Maint
	m.servers[k] = h
}

// count reads one of the numbers of the model.
func (m *model) count(of func(m *model) int) (n int) {
	m.with(func(m *model) { n = of(m) })
	return n
}

func (m *model) admin(name string) lbsync.Admin {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.servers[lbsync.Key{Backend: "web", Server: name}].Admin
}

func (m *model) with(change func(m *model)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// bench is a set with one balancer, and what it last reported.
type bench struct {
	*balancer.Set
	mu      sync.Mutex
	last    converge.Report
	notices []string
}

func (b *bench) report(r converge.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = r
	for _, n := range r.Notices {
		b.notices = append(b.notices, n.Kind)
	}
}

func (b *bench) state() converge.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

func (b *bench) noticed(kind string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.notices, kind)
}

func duty(services ...cluster.Service) converge.Duty {
	d := converge.Duty{Balancer: cluster.BalancerSpec{Name: "edge"}, Floors: map[string]int{"web": 1}}
	for i, s := range services {
		name := string(rune('a' + i))
		d.Servers = append(d.Servers, converge.Server{
			Member: cluster.MemberID{Pool: "web", Member: name}, Backend: "web", Name: name,
			Standing: cluster.Standing{Service: s, Reason: "the test wants " + string(s)},
		})
	}
	return d
}

// inBubble runs a story about one balancer with the servers a, b and c.
func inBubble(t *testing.T, story func(t *testing.T, m *model, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel("a", "b", "c")
		b := &bench{Set: balancer.NewSet(m.open, zerolog.Nop())}
		b.Until(time.Now().Add(time.Hour))
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx, b.report) }()
		story(t, m, b)
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestDutyIsCarriedOut(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Suspend)})
		time.Sleep(time.Second)
		if m.admin("a") != lbsync.Ready || m.admin("b") != lbsync.Maint || m.admin("c") != lbsync.Drain {
			t.Errorf("a %v, b %v, c %v", m.admin("a"), m.admin("b"), m.admin("c"))
		}
		if r := b.state(); !r.InStep || len(r.Servers) != 3 {
			t.Errorf("report %+v", r)
		}
		if len(m.kept) != 2 {
			t.Errorf("kept %v, want the two that are not ready", m.kept)
		}
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		if m.admin("b") != lbsync.Ready || m.admin("c") != lbsync.Ready {
			t.Errorf("not back: b %v, c %v", m.admin("b"), m.admin("c"))
		}
	})
}

func TestFrozenDutyChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		d := duty(cluster.Out, cluster.Out, cluster.Drain)
		d.Frozen = "no quorum"
		b.Do([]converge.Duty{d})
		m.maint("c")
		time.Sleep(5 * time.Second)
		if len(m.applied) > 0 {
			t.Errorf("a frozen duty was acted upon: %v", m.applied)
		}
		if r := b.state(); r.InStep || r.Reason != "no quorum" || r.Epoch == "" {
			t.Errorf("report %+v, want not in step, with the reason, and observed", r)
		}
	})
}

func TestHungBalancerIsReportedWithinASecond(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(2 * time.Second)
		if !b.state().InStep {
			t.Fatalf("report %+v", b.state())
		}
		m.with(func(m *model) { m.hung = true })
		time.Sleep(time.Second)
		if r := b.state(); r.InStep || !strings.Contains(r.Reason, "no answer") {
			t.Errorf("a second after it hung: %+v", r)
		}
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve)})
		time.Sleep(time.Second)
		if b.state().InStep {
			t.Error("a hung balancer is said to be in step")
		}
		m.with(func(m *model) { m.hung = false })
		time.Sleep(3 * time.Second)
		if r := b.state(); !r.InStep || m.admin("b") != lbsync.Maint {
			t.Errorf("it answers again: %+v, b %v", r, m.admin("b"))
		}
	})
}

func TestRestartIsAssertedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Drain)})
		time.Sleep(time.Second)
		m.restart()
		time.Sleep(time.Second)
		if m.admin("b") != lbsync.Maint || m.admin("c") != lbsync.Maint || !b.noticed("balancer.restarted") {
			t.Errorf("b %v, c %v, notices %v", m.admin("b"), m.admin("c"), b.notices)
		}
	})
}

func TestOperationsWithoutEffectAreNoSuccess(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		m.deaf = true
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Out, cluster.Serve)})
		time.Sleep(2 * time.Second)
		if r := b.state(); r.InStep || !strings.Contains(r.Reason, "read-back") {
			t.Errorf("report %+v", r)
		}
	})
}

func TestDriftIsSetBackAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		m.maint("a")
		m.hints <- struct{}{}
		time.Sleep(time.Second)
		if r := b.state(); m.admin("a") != lbsync.Ready || r.Drift != 1 || !b.noticed("balancer.drift") {
			t.Errorf("a %v, drift %d, notices %v", m.admin("a"), r.Drift, b.notices)
		}
	})
}

func TestDrainFloorHolds(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Out, cluster.Out, cluster.Out)})
		time.Sleep(time.Second)
		admins := []lbsync.Admin{m.admin("a"), m.admin("b"), m.admin("c")}
		if diff := cmp.Diff([]lbsync.Admin{lbsync.Ready, lbsync.Maint, lbsync.Maint}, admins); diff != "" {
			t.Errorf("one must stay (-want +got):\n%s", diff)
		}
		if r := b.state(); !strings.Contains(r.Reason, "drain floor") {
			t.Errorf("the hold is not told: %+v", r)
		}
	})
}

func TestBalancerThatIsGoneIsLetGo(t *testing.T) {
	inBubble(t, func(t *testing.T, m *model, b *bench) {
		b.Do([]converge.Duty{duty(cluster.Serve, cluster.Serve, cluster.Serve)})
		time.Sleep(time.Second)
		b.Do(nil)
		time.Sleep(time.Second)
		m.maint("a")
		time.Sleep(5 * time.Second)
		if m.admin("a") != lbsync.Maint {
			t.Error("a balancer that the cluster file no longer names was touched")
		}
	})
}
