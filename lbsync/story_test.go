// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs testdata/*.txt. The commands are:
//
//	balancer                   (one server per line: key, then words as in "have") starts a balancer process
//	have KEY [word ...]        changes what the balancer shows: ready drain maint up down checked static agent
//	                           weight=N sessions=N queued=N inherit=STATE gone
//	reload [keep]              another process: states lost, or kept as from a state file
//	want                       (one server per line: key service [weight= deadline= slow= rank= kill force] reason)
//	floor BACKEND N            sets a drain floor
//	step [after=D] [dry]       advances the clock, steps, prints the plan, and carries it out unless dry
//	run                        steps and applies until there is nothing to do, printing each plan
//	restart                    forgets the machine, as a supervisor that starts anew
func TestStories(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s := newStory()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				t.Helper()
				return s.do(t, d)
			})
		})
	}
}

type story struct {
	start, now time.Time
	machine    *Machine
	have       Snapshot
	wants      []Want
	floors     map[string]int
}

func newStory() *story {
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	return &story{
		start: start, now: start, machine: NewMachine(), floors: map[string]int{},
		have: Snapshot{Epoch: Epoch{PID: 1, Started: start}, Servers: map[Key]Have{}},
	}
}

func (s *story) do(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "balancer":
		for line := range strings.Lines(d.Input) {
			f := strings.Fields(line)
			s.set(t, key(t, f[0]), Have{Weight: 100, InitWeight: 100, Up: true}, f[1:])
		}
	case "have":
		k := key(t, d.CmdArgs[0].Key)
		var words []string
		for _, a := range d.CmdArgs[1:] {
			words = append(words, strings.TrimSuffix(a.Key+"="+strings.Join(a.Vals, ""), "="))
		}
		s.set(t, k, s.have.Servers[k], words)
	case "reload":
		s.reload(d.HasArg("keep"))
	case "want":
		s.wants = nil
		for line := range strings.Lines(d.Input) {
			s.wants = append(s.wants, want(t, strings.Fields(line)))
		}
	case "floor":
		n, err := strconv.Atoi(d.CmdArgs[1].Key)
		if err != nil {
			t.Fatal(err)
		}
		s.floors[d.CmdArgs[0].Key] = n
	case "step":
		var after string
		d.MaybeScanArgs(t, "after", &after)
		if after != "" {
			s.now = s.now.Add(duration(t, after))
		}
		plan := s.machine.Step(s.now, s.wants, s.floors, s.have)
		if !d.HasArg("dry") {
			s.apply(plan.Ops)
		}
		return s.print(plan)
	case "run":
		return s.run(t)
	case "restart":
		s.machine = NewMachine()
	default:
		t.Fatalf("unknown command %q", d.Cmd)
	}
	return s.show()
}

func (s *story) run(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for range 10 {
		plan := s.machine.Step(s.now, s.wants, s.floors, s.have)
		s.apply(plan.Ops)
		out.WriteString(s.print(plan))
		if len(plan.Ops) == 0 {
			return out.String()
		}
	}
	t.Fatal("no end after 10 steps")
	return ""
}

// apply does what HAProxy does, with its trap: a checked server that leaves maintenance is up at once.
func (s *story) apply(ops []Op) {
	for _, o := range ops {
		h, ok := s.have.Servers[o.Key]
		if !ok {
			continue
		}
		s.have.Servers[o.Key] = applied(h, o)
	}
}

func applied(h Have, o Op) Have {
	if h.Admin == Maint && (o.Kind == OpReady || o.Kind == OpDrain) {
		h.Up = true
	}
	switch o.Kind {
	case OpWeight:
		h.Weight = o.Weight
	case OpReady:
		h.Admin = Ready
	case OpDrain:
		h.Admin = Drain
	case OpMaint:
		h.Admin, h.Up = Maint, false
	case OpHealthDown:
		h.Up = false
	case OpKill:
		h.Sessions = 0
	}
	return h
}

func (s *story) reload(keep bool) {
	s.have.Epoch.PID++
	s.have.Epoch.Started = s.now
	for _, k := range keys(s.have) {
		h := s.have.Servers[k]
		h.Sessions, h.Queued = 0, 0
		if !keep {
			h.Admin, h.Weight, h.Up = Ready, h.InitWeight, true
		}
		s.have.Servers[k] = h
	}
}

func (s *story) set(t *testing.T, k Key, h Have, words []string) {
	t.Helper()
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "gone":
			delete(s.have.Servers, k)
			return
		case "ready", "drain", "maint":
			h.Admin = admin(t, name)
		case "inherit":
			h.Inherited = admin(t, value)
		case "up":
			h.Up = true
		case "down":
			h.Up = false
		case "checked":
			h.Checked = true
		case "static":
			h.Static = true
		case "agent":
			h.ByAgent = true
		case "weight":
			h.Weight = number(t, value)
		case "sessions":
			h.Sessions = int64(number(t, value))
		case "queued":
			h.Queued = int64(number(t, value))
		default:
			t.Fatalf("unknown word %q", w)
		}
	}
	s.have.Servers[k] = h
}

func want(t *testing.T, f []string) Want {
	t.Helper()
	w := Want{Key: key(t, f[0])}
	services := []Service{ServiceLeave, ServiceServe, ServiceDrain, ServiceSuspend, ServiceOut}
	i := slices.IndexFunc(services, func(s Service) bool { return s.String() == f[1] })
	if i < 0 {
		t.Fatalf("%q is no service", f[1])
	}
	w.Service = services[i]
	var reason []string
	for _, word := range f[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "weight":
			w.Weight = number(t, value)
		case "deadline":
			w.Deadline = duration(t, value)
		case "slow":
			w.SlowStart = duration(t, value)
		case "rank":
			w.Rank = number(t, value)
		case "kill":
			w.Kill = true
		case "force":
			w.Force = true
		default:
			reason = append(reason, word)
		}
	}
	w.Reason = strings.Join(reason, " ")
	return w
}

func (s *story) print(p Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "t+%s in-step=%t drift=%d wake=+%s\n", s.now.Sub(s.start), p.InStep, p.Drift, p.Wake.Sub(s.now))
	for _, o := range p.Ops {
		fmt.Fprintf(&b, "  do    %s: %s\n", o, o.Why)
	}
	for _, ph := range p.Phases {
		fmt.Fprintf(&b, "  phase %s %s since t+%s", ph.Key, ph.Phase, ph.Since.Sub(s.start))
		if ph.Sessions > 0 {
			fmt.Fprintf(&b, " sessions=%d", ph.Sessions)
		}
		if !ph.Deadline.IsZero() {
			fmt.Fprintf(&b, " deadline=t+%s", ph.Deadline.Sub(s.start))
		}
		fmt.Fprintf(&b, ": %s\n", ph.Reason)
	}
	for _, h := range p.Held {
		fmt.Fprintf(&b, "  held  %s: %s\n", h.Key, h.Reason)
	}
	return b.String()
}

func (s *story) show() string {
	var b strings.Builder
	for _, k := range keys(s.have) {
		h := s.have.Servers[k]
		fmt.Fprintf(&b, "%s %s up=%t weight=%d/%d sessions=%d\n", k, h.Effective(), h.Up, h.Weight, h.InitWeight, h.Sessions)
	}
	return b.String()
}

func keys(s Snapshot) []Key { return slices.SortedFunc(maps.Keys(s.Servers), Key.Compare) }

func key(t *testing.T, s string) Key {
	t.Helper()
	b, n, ok := strings.Cut(s, "/")
	if !ok {
		t.Fatalf("%q is no backend/server", s)
	}
	return Key{Backend: b, Server: n}
}

func admin(t *testing.T, s string) Admin {
	t.Helper()
	for _, a := range []Admin{Ready, Drain, Maint} {
		if a.String() == s {
			return a
		}
	}
	t.Fatalf("%q is no state", s)
	return Ready
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
