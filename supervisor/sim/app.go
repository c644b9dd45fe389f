// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// Checks as the cluster file has them by default.
const (
	probeEvery   = time.Second
	promptWithin = 3 * time.Millisecond
)

// app is an application: a member of the pool.
type app struct {
	w    *World
	on   *machine
	fate fate
}

type fate uint8

const (
	appRuns  fate = iota
	appDead       // refuses connections, since nothing listens
	appHangs      // takes connections, and says nothing
	appFails      // answers with errors
)

// String says what a probe sees.
func (f fate) String() string {
	return [...]string{appRuns: "answers", appDead: "connection refused", appHangs: "no answer", appFails: "status 500"}[f]
}

// set changes the fate of the application. Its own node learns at once of a death, as the watched connection breaks.
func (a *app) set(f fate) {
	if a.fate == f {
		return
	}
	died := f == appDead
	a.fate = f
	for _, c := range a.on.checks {
		if c.app == a && died {
			a.w.in(a.w.some(promptWithin), event{what: evProbe, to: a.on, life: a.on.life, data: c})
		}
	}
}

func (a *app) power(on bool) {
	if on {
		a.fate = appRuns
		return
	}
	a.fate = appDead
}

// serves tells whether a client that comes from a machine gets an answer.
func (a *app) serves(from *machine) bool {
	return a.fate == appRuns && !a.on.off &&
		a.w.net.reaches(from.index, a.on.index, 0) && a.w.net.reaches(a.on.index, from.index, 0)
}

// check is one node's prober of one member.
type check struct {
	member cluster.MemberID
	app    *app
	judge  *health.Judge
	next   time.Duration
}

// probe replaces the members that the node probes. Checks that go on keep what they know.
func (m *machine) probe(members []core.Probe) {
	old := m.checks
	m.checks = nil
	for _, mem := range members {
		i := slices.IndexFunc(old, func(c *check) bool { return c.member == mem.ID })
		if i >= 0 {
			m.checks = append(m.checks, old[i])
			continue
		}
		target := m.w.machine(mem.ID.Member)
		if target == nil || target.app == nil {
			continue
		}
		c := &check{member: mem.ID, app: target.app, judge: health.NewJudge(m.w.opt.judge())}
		m.checks = append(m.checks, c)
		m.w.in(m.w.some(20*time.Millisecond), event{what: evProbe, to: m, life: m.life, data: c})
	}
}

func (m *machine) probed(c *check) {
	if !slices.Contains(m.checks, c) {
		return
	}
	if c.next <= m.w.now {
		c.next = m.w.now + probeEvery
		m.w.at(c.next, event{what: evProbe, to: m, life: m.life, data: c})
	}
	if m.paused {
		return
	}
	r := health.Result{OK: c.app.serves(m)}
	if !r.OK {
		r.Reason, r.Hard = c.app.fate.String(), c.app.fate == appDead && c.app.on == m
	}
	if change, ok := c.judge.Step(m.now(), r); ok {
		m.step(core.Probed{Member: c.member, Change: change})
	}
}
