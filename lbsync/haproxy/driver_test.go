// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

func TestRoundTrip(t *testing.T) {
	a, b := member(t), member(t)
	p := start(t, func(dir string) string {
		return plain(dir, "backend web\n server n1 "+a+" weight 100 check inter 100ms rise 2 fall 1\n server n2 "+b+" weight 50\n")
	})
	d := p.driver(Options{})
	if err := d.SelfTest(t.Context(), []lbsync.Key{web("n1"), web("n2")}); err != nil {
		t.Fatal(err)
	}
	s := observe(t, d, "web")
	n2 := s.Servers[web("n2")]
	n2.Port = 0
	if diff := cmp.Diff(lbsync.Have{Up: true, Weight: 50, InitWeight: 50}, n2); diff != "" {
		t.Fatal(diff)
	}
	for _, step := range []struct {
		kind lbsync.OpKind
		want lbsync.Admin
	}{{lbsync.OpDrain, lbsync.Drain}, {lbsync.OpMaint, lbsync.Maint}, {lbsync.OpReady, lbsync.Ready}} {
		s = apply(t, d, s.Epoch, op(step.kind, "n2"))
		if got := s.Servers[web("n2")].Admin; got != step.want {
			t.Fatalf("after %s: %s", step.kind, got)
		}
	}
	s = apply(t, d, s.Epoch, lbsync.Op{Kind: lbsync.OpWeight, Key: web("n2"), Weight: 7})
	if got := s.Servers[web("n2")].Weight; got != 7 {
		t.Fatalf("weight %d", got)
	}
	// From maintenance: held down until the check has passed as often as rise says, and only then up.
	s = apply(t, d, s.Epoch, op(lbsync.OpMaint, "n1"))
	s = apply(t, d, s.Epoch, op(lbsync.OpDrain, "n1"), op(lbsync.OpHealthDown, "n1"))
	if h := s.Servers[web("n1")]; h.Admin != lbsync.Drain || h.CheckOK() {
		t.Fatalf("a server that leaves maintenance must be down: %+v", h)
	}
	eventually(t, "the check passes", func() bool { return observe(t, d, "web").Servers[web("n1")].CheckOK() })
}

func TestSessionsAreCountedAndCut(t *testing.T) {
	a := member(t)
	p := start(t, func(dir string) string { return plain(dir, "backend web\n server n1 "+a+"\n") })
	d := p.driver(Options{})
	type result struct {
		code int
		err  error
	}
	slow := make(chan result, 1)
	go func() {
		code, err := p.get("/slow")
		slow <- result{code, err}
	}()
	var s lbsync.Snapshot
	eventually(t, "a session", func() bool {
		s = observe(t, d, "web")
		return s.Servers[web("n1")].Sessions == 1
	})
	s = apply(t, d, s.Epoch, op(lbsync.OpDrain, "n1"))
	if s.Servers[web("n1")].Idle() {
		t.Fatal("idle with a session in progress")
	}
	apply(t, d, s.Epoch, op(lbsync.OpMaint, "n1"), op(lbsync.OpKill, "n1"))
	eventually(t, "idle", func() bool { return observe(t, d, "web").Servers[web("n1")].Idle() })
	if r := <-slow; r.err == nil && r.code == 200 {
		t.Fatal("the session was not cut")
	}
}

// TestFrontendOfTheSameName: a frontend may bear a backend's name, and statistics by that name are then the frontend's.
func TestFrontendOfTheSameName(t *testing.T) {
	p := start(t, func(dir string) string {
		return plain(dir, "frontend web\n bind unix@"+dir+"/web.sock\nbackend empty\nbackend web\n server n1 127.0.0.1:1\n")
	})
	d := p.driver(Options{})
	for range 2 {
		if s := observe(t, d, "empty", "web"); len(s.Servers) != 1 {
			t.Fatalf("%v", s.Servers)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	p := start(t, func(dir string) string { return plain(dir, "backend web\n server n1 127.0.0.1:1\n") })
	d := p.driver(Options{})
	s := observe(t, d, "web", "nope")
	if len(s.Servers) != 1 {
		t.Fatalf("%v", s.Servers)
	}
	for _, key := range []lbsync.Key{web("n9"), {Backend: "nope", Server: "n1"}} {
		_, failed, err := d.Apply(t.Context(), s.Epoch, []lbsync.Op{{Kind: lbsync.OpDrain, Key: key}, op(lbsync.OpDrain, "n1")})
		if err != nil {
			t.Fatal(err)
		}
		if len(failed) != 1 || !errors.Is(failed[0].Err, ErrNoServer) || failed[0].Op.Key != key {
			t.Fatalf("%v", failed)
		}
	}
	for _, bad := range []string{"", "n1;n2", "n1\nset server web/n1 state maint", "n 1", `n\1`, "n/1", "n\x00", strings.Repeat("n", nameMax+1)} {
		if _, _, err := d.Apply(t.Context(), s.Epoch, []lbsync.Op{op(lbsync.OpMaint, bad)}); !errors.Is(err, ErrName) {
			t.Errorf("server %q: %v", bad, err)
		}
		if _, err := d.Observe(t.Context(), []string{bad}); !errors.Is(err, ErrName) {
			t.Errorf("backend %q: %v", bad, err)
		}
		if err := d.SelfTest(t.Context(), []lbsync.Key{web(bad)}); !errors.Is(err, ErrName) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
	if got := observe(t, d, "web").Servers[web("n1")].Admin; got != lbsync.Drain {
		t.Fatalf("a refused name reached HAProxy: %s", got)
	}
}

func TestSelfTestRefuses(t *testing.T) {
	p := start(t, func(dir string) string {
		return plain(dir, "backend web\n balance static-rr\n server n1 127.0.0.1:1 weight 10\n server n2 127.0.0.1:1 track web/n3\n"+
			" server n3 127.0.0.1:1 check\n server a1 127.0.0.1:1 agent-check agent-port 1\n")
	})
	p.write("plain.txt", "")
	for _, c := range []struct {
		name string
		opt  Options
		keys []lbsync.Key
		want string
	}{
		{"master", Options{Socket: p.path("master.sock")}, nil, "socket of the master process"},
		{"operator", Options{Socket: p.path("operator.sock")}, nil, "level admin"},
		{"frontend", Options{Socket: p.path("front.sock")}, nil, "not a stats socket"},
		{"no socket", Options{Socket: p.path("none.sock")}, nil, "no such file"},
		{"a file", Options{Socket: p.path("plain.txt")}, nil, "is HAProxy running"},
		{"server", Options{}, []lbsync.Key{web("n1"), web("n9")}, "backend web has no server n9"},
		{"backend", Options{}, []lbsync.Key{{Backend: "app", Server: "n1"}}, "no backend app"},
		{"agent", Options{}, []lbsync.Key{web("a1")}, "agent-check"},
		{"folder", Options{StateFile: p.path("none/state")}, nil, "does not exist: create it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := p.driver(c.opt).SelfTest(t.Context(), c.keys)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q in it", err, c.want)
			}
		})
	}
	if err := p.driver(Options{StateFile: p.path("state")}).SelfTest(t.Context(), []lbsync.Key{web("n1"), web("n3")}); err != nil {
		t.Fatal(err)
	}
	for _, warning := range []string{"algorithm is static", "it follows a server of ours", "does not read this state file"} {
		if !strings.Contains(p.out.String(), warning) {
			t.Errorf("no warning %q in\n%s", warning, p.out.String())
		}
	}
}

func TestStaticAlgorithms(t *testing.T) {
	p := start(t, func(dir string) string {
		return plain(dir, "backend web\n balance source\n hash-type map-based\n server n1 127.0.0.1:1 weight 10\n")
	})
	d := p.driver(Options{})
	s := observe(t, d, "web")
	if s.Servers[web("n1")].Static {
		t.Fatal("the statistics do not tell; who says so?")
	}
	weight := lbsync.Op{Kind: lbsync.OpWeight, Key: web("n1"), Weight: 3}
	_, failed, err := d.Apply(t.Context(), s.Epoch, []lbsync.Op{weight})
	if err != nil || len(failed) != 1 || !errors.Is(failed[0].Err, ErrNotTaken) || !strings.Contains(failed[0].String(), "static LB algorithm") {
		t.Fatalf("%v %v", failed, err)
	}
	if !observe(t, d, "web").Servers[web("n1")].Static {
		t.Fatal("the refusal is not remembered")
	}
}

func TestTrackingAndForeignChange(t *testing.T) {
	p := start(t, func(dir string) string {
		return plain(dir, "backend web\n server n1 127.0.0.1:1 check inter 1h\n server n2 127.0.0.1:1 track web/n1\n server n3 127.0.0.1:1 disabled\n")
	})
	d, other := p.driver(Options{}), p.driver(Options{})
	s := observe(t, d, "web")
	if got := s.Servers[web("n3")].Admin; got != lbsync.Maint {
		t.Fatalf("disabled in the configuration: %s", got)
	}
	apply(t, other, observe(t, other, "web").Epoch, op(lbsync.OpDrain, "n1"), op(lbsync.OpReady, "n3"))
	s = observe(t, d, "web")
	n1, n2, n3 := s.Servers[web("n1")], s.Servers[web("n2")], s.Servers[web("n3")]
	if n1.Admin != lbsync.Drain || n2.Admin != lbsync.Ready || n2.Inherited != lbsync.Drain || n3.Admin != lbsync.Ready {
		t.Fatalf("%+v\n%+v\n%+v", n1, n2, n3)
	}
}

func TestReload(t *testing.T) {
	p := start(t, func(dir string) string {
		return plain(dir, "backend web\n server n1 127.0.0.1:1\n server n2 127.0.0.1:1\n")
	})
	d := p.driver(Options{})
	old := observe(t, d, "web")
	apply(t, d, old.Epoch, op(lbsync.OpMaint, "n1"))
	s := p.reload(d, "web")
	if s.Servers[web("n1")].Admin != lbsync.Ready {
		t.Fatal("without a state file a reload loses states; has that changed?")
	}
	if _, _, err := d.Apply(t.Context(), old.Epoch, []lbsync.Op{op(lbsync.OpMaint, "n2")}); !errors.Is(err, lbsync.ErrEpoch) {
		t.Fatalf("planned against the old process: %v", err)
	}
	again := observe(t, d, "web")
	if !again.Epoch.Equal(s.Epoch) {
		t.Fatalf("the epoch jitters: %v, %v", s.Epoch, again.Epoch)
	}
	if got := apply(t, d, again.Epoch, op(lbsync.OpMaint, "n1")).Servers[web("n1")].Admin; got != lbsync.Maint {
		t.Fatal(got)
	}
}

// TestLoopThroughReloads joins machine and driver as the supervisor's loop does, and reloads HAProxy under it.
func TestLoopThroughReloads(t *testing.T) {
	a := member(t)
	p := start(t, func(dir string) string {
		return persistent(dir, "backend web\n server n1 "+a+" check inter 50ms\n server n2 "+a+" check inter 50ms\n server n3 "+a+"\n")
	})
	d := p.driver(Options{StateFile: p.path("state")})
	m := lbsync.NewMachine()
	wants := []lbsync.Want{
		{Key: web("n1"), Service: lbsync.ServiceServe},
		{Key: web("n2"), Service: lbsync.ServiceOut},
		{Key: web("n3"), Service: lbsync.ServiceDrain},
	}
	settle := func() {
		eventually(t, "in step", func() bool {
			s, err := d.Observe(t.Context(), []string{"web"})
			if err != nil {
				return false
			}
			plan := m.Step(time.Now(), wants, nil, s)
			if len(plan.Ops) > 0 {
				if s, _, err = d.Apply(t.Context(), s.Epoch, plan.Ops); err != nil {
					return false
				}
				plan = m.Step(time.Now(), wants, nil, s)
			}
			if err := d.Persist(t.Context(), lbsync.Keep(s)); err != nil {
				t.Fatal(err)
			}
			calm := plan.InStep
			for _, ph := range plan.Phases {
				calm = calm && ph.Phase != lbsync.PhaseWarming && ph.Phase != lbsync.PhaseDraining
			}
			return calm
		})
	}
	settle()
	for range 3 {
		s := p.reload(d, "web")
		if plan := m.Step(time.Now(), wants, nil, s); len(plan.Ops) > 0 {
			t.Fatalf("the state file kept too little: %v\n%s", plan.Ops, p.out.String())
		}
	}
	wants[1].Service, wants[2].Service = lbsync.ServiceServe, lbsync.ServiceServe
	settle()
	s := p.reload(d, "web")
	for k, h := range s.Servers {
		if !h.Serving() || !h.Up {
			t.Errorf("%s: %+v", k, h)
		}
	}
}

func TestHangIsAnError(t *testing.T) {
	p := start(t, func(dir string) string { return plain(dir, "backend web\n server n1 127.0.0.1:1\n") })
	s := observe(t, p.driver(Options{}), "web")
	d := p.driver(Options{Timeout: 200 * time.Millisecond})
	p.signal(s.Epoch.PID, syscall.SIGSTOP)
	if _, failed, err := d.Apply(t.Context(), s.Epoch, []lbsync.Op{op(lbsync.OpMaint, "n1")}); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v %v", failed, err)
	}
	// The first one is still out: no second one is started, and that is said.
	if _, err := d.Observe(t.Context(), []string{"web"}); err == nil || !strings.Contains(err.Error(), "still unanswered") {
		t.Fatal(err)
	}
	p.signal(s.Epoch.PID, syscall.SIGCONT)
	eventually(t, "the breaker closes", func() bool {
		_, err := d.Observe(t.Context(), []string{"web"})
		return err == nil
	})
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{}, {Socket: "relative.sock"}, {Socket: "/s", StateFile: "state"}, {Socket: "/s", Ring: "a;b"}, {Socket: "/s", Timeout: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	d, err := New(Options{Socket: "/none"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Persist(t.Context(), nil); err == nil {
		t.Error("persisted without a state file")
	}
	if _, _, err := d.Apply(t.Context(), lbsync.Epoch{}, nil); err == nil {
		t.Error("applied without an epoch")
	}
}
