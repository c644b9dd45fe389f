// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// told is what a machine has noticed since a mark was set.
type told struct {
	s    *stand
	seen map[string]int // by machine, how many notices there were
}

// mark remembers which notices there are. A machine that is started anew afterwards must not be asked.
func (s *stand) mark() *told {
	s.t.Helper()
	w := &told{s: s, seen: map[string]int{}}
	for _, m := range s.Nodes() {
		if m.Supervisor.Running() {
			notices, err := m.Notices(s.ctx())
			s.must(err)
			w.seen[m.Name] = len(notices)
		}
	}
	return w
}

// since returns the notices of a machine since the mark.
func (w *told) since(m *fleet.Machine) []cluster.Notice {
	w.s.t.Helper()
	notices, err := m.Notices(w.s.ctx())
	w.s.must(err)
	return notices[min(w.seen[m.Name], len(notices)):]
}

// find returns the first notice of a kind about a subject since the mark.
func (w *told) find(m *fleet.Machine, kind, subject string) (cluster.Notice, bool) {
	w.s.t.Helper()
	notices := w.since(m)
	i := slices.IndexFunc(notices, func(n cluster.Notice) bool {
		return n.Kind == kind && (subject == "" || n.Subject == subject)
	})
	if i < 0 {
		return cluster.Notice{}, false
	}
	return notices[i], true
}

// never fails the test for each notice of some kinds on any machine.
func (w *told) never(kinds ...string) {
	w.s.t.Helper()
	for _, m := range w.s.Nodes() {
		for _, n := range w.since(m) {
			if slices.Contains(kinds, n.Kind) {
				w.s.t.Errorf("%s told %s of %s: %s", m.Name, n.Kind, n.Subject, n.Reason)
			}
		}
	}
}

// watching samples all HAProxies that Evenkeel keeps.
type watching struct {
	s       *stand
	watches map[string]*haproxy.Watch // by machine
	stop    func()
}

// watch starts to sample, and stops with the test.
func (s *stand) watch() *watching {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx()))
	var work sync.WaitGroup
	w := &watching{s: s, watches: map[string]*haproxy.Watch{}, stop: sync.OnceFunc(func() { cancel(); work.Wait() })}
	s.t.Cleanup(w.stop)
	for _, m := range s.Balancers() {
		watch := haproxy.New(haproxy.Options{Socket: m.Kept().Socket(), Backend: fleet.PoolName, Interval: sampleEvery})
		w.watches[m.Name] = watch
		work.Go(func() { _ = watch.Run(ctx) }) // it has no other end than ours
		s.must(watch.Arm(s.ctx()))
	}
	return w
}

// changes returns what a server went through on one balancer machine, as words: its first state, then each new one.
func (w *watching) changes(balancer, member *fleet.Machine) []string {
	var out []string
	for _, c := range w.watches[balancer.Name].Changes() {
		if c.Server.Name != member.Name {
			continue
		}
		if len(out) == 0 {
			out = append(out, c.From.String())
		}
		if last := out[len(out)-1]; last != c.To.String() {
			out = append(out, c.To.String())
		}
	}
	return out
}

// still fails the test for every change of the servers of these machines, on any balancer.
func (w *watching) still(members ...*fleet.Machine) {
	w.s.t.Helper()
	for _, balancer := range w.s.Balancers() {
		for _, c := range w.watches[balancer.Name].Changes() {
			if slices.ContainsFunc(members, func(m *fleet.Machine) bool { return m.Name == c.Server.Name }) {
				w.s.t.Errorf("on %s, %s went from %s to %s at %s", balancer.Name, c.Server.Name, c.From, c.To, c.At.Format(time.TimeOnly+".000"))
			}
		}
	}
}

// requests is the load of a test.
type requests struct {
	*load.Client
	s    *stand
	from time.Time
	end  func()
}

// load sends requests through all balancers until it is stopped, at the latest with the test.
func (s *stand) load() *requests {
	s.t.Helper()
	c, err := load.New(load.Options{Targets: s.Targets(fleet.Kept().Name), Rate: rate, Dial: s.client.Dialer(), NewConnections: true})
	s.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx()))
	var work sync.WaitGroup
	work.Go(func() { _, _ = c.Run(ctx) }) // it fails only when it runs twice
	r := &requests{Client: c, s: s, from: time.Now(), end: sync.OnceFunc(func() { cancel(); work.Wait() })}
	s.t.Cleanup(r.end)
	s.await("every server answers the client", func(context.Context) string {
		if n := len(c.Counters().Servers); n < len(s.Web())+len(s.Plain()) {
			return fmt.Sprintf("%d do", n)
		}
		return ""
	})
	return r
}

// stop ends the load and returns the report on the requests that were due from one time on.
func (r *requests) stop(from time.Time) load.Report {
	r.end()
	return r.Window(from, time.Now())
}

// without fails the test for every answer of a member to a request that was due from one time on until another.
func (r *requests) without(member *fleet.Machine, from, to time.Time) {
	r.s.t.Helper()
	if n := r.Window(from, to).Server(member.Name).Answers; n > 0 {
		r.s.t.Errorf("%s answered %d requests while it was out", member.Name, n)
	}
}
