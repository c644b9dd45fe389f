// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"testing"
	"time"
)

// TestKilledApplicationIsOutUntilItsCheckPasses: both balancers take it out, the others serve, no request that comes after
// its end fails, and it is never ready before its check passes, also when its node's supervisor begins anew meanwhile.
func TestKilledApplicationIsOutUntilItsCheckPasses(t *testing.T) {
	s := take(t)
	victim := s.Web()[0]
	watch := s.watch()
	load := s.load()
	s.must(victim.App.Kill(s.ctx()))
	dead := time.Now()
	s.status(victim, "MAINT")
	out := time.Now()
	before := s.refusals(victim.Name)
	s.must(victim.Supervisor.Kill(s.ctx()))
	s.must(victim.Supervisor.Start(s.ctx()))
	s.awaitAlive(victim)
	s.hold(time.Second)
	s.status(victim, "MAINT", "DRAIN")
	if after := s.refusals(victim.Name); after > before {
		t.Errorf("%d requests were sent to an application that was known to be dead", after-before)
	}
	again := time.Now()
	load.without(victim, out, again)
	for _, b := range s.Balancers() {
		for _, c := range watch.watches[b.Name].Changes() {
			if c.Server.Name == victim.Name && c.Entered() {
				t.Errorf("%s put it back while it was dead", b.Name)
			}
		}
	}
	s.must(victim.App.Start(s.ctx()))
	s.serves(victim)
	s.await("it answers requests again", func(context.Context) string {
		if load.Window(again, time.Now()).Server(victim.Name).Answers == 0 {
			return "it answers nobody"
		}
		return ""
	})
	s.well()
	if report := load.stop(dead); report.Failed > 0 {
		t.Errorf("requests failed after the application's end: %s", report)
	}
	watch.still(s.Web()[1:]...)
	t.Logf("of the requests in flight when it was killed, %d failed", load.Window(load.from, dead).Failed)
}

// TestUnhealthyApplicationIsOut: an application that answers, and says that it cannot serve, is out as well.
func TestUnhealthyApplicationIsOut(t *testing.T) {
	s := take(t)
	victim := s.Web()[1]
	load := s.load()
	s.get(victim, "/fail")
	s.status(victim, "MAINT")
	out := time.Now()
	s.hold(time.Second)
	load.without(victim, out, time.Now())
	s.get(victim, "/ok")
	s.serves(victim)
	s.well()
	if report := load.stop(load.from); report.Failed > 0 {
		t.Errorf("requests failed: %s", report)
	}
}

// TestAllApplicationsDeadKeepsOneReady: the drain floor holds against checks, and says so.
func TestAllApplicationsDeadKeepsOneReady(t *testing.T) {
	s := take(t)
	for _, m := range s.Web() {
		s.must(m.App.Kill(s.ctx()))
	}
	s.awaitFloor(1)
	out, code := s.verb(s.Balancers()[0], "status")
	if code != 1 {
		t.Errorf("status: exit code %d", code)
	}
	s.says(out, "drain floor")
	for _, m := range s.Web() {
		s.must(m.App.Start(s.ctx()))
	}
	s.well()
}
