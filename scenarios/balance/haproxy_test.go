// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestReloadAndRestartDuringADrainReachNobody: with a state file, a reloaded and a killed HAProxy begin as they were, so that
// no request reaches the member that is drained.
func TestReloadAndRestartDuringADrainReachNobody(t *testing.T) {
	s := take(t)
	drained, first, second := s.Web()[0], s.Balancers()[0], s.Balancers()[1]
	slow, under := s.slow(second, 4*time.Second) // its session keeps the member draining there
	load := s.load()
	s.ok(first, "pool", "drain", "web/"+drained.Name)
	s.status(drained, "DRAIN", "MAINT")
	s.fileSays(first, drained)
	s.fileSays(second, drained)
	from := time.Now()
	for _, b := range s.Balancers() {
		s.must(b.Kept().Reload(s.ctx()))
	}
	s.must(first.Kept().Reload(s.ctx()))
	s.must(second.Kept().Kill(s.ctx()))
	s.must(second.Kept().Start(s.ctx()))
	for range sum(under) {
		<-slow // it was cut when its HAProxy was killed
	}
	s.phase(drained, "drained")
	s.hold(time.Second)
	s.status(drained, "MAINT")
	load.end()
	load.without(drained, from, time.Now())
	s.ok(first, "pool", "ready", "web/"+drained.Name, "--wait")
	s.well()
}

// fileSays waits until the state file of a balancer names a member, which is no longer ready.
func (s *stand) fileSays(b, member *fleet.Machine) {
	s.t.Helper()
	s.await("the state file of "+b.Name+" names "+member.Name, func(context.Context) string {
		text, err := os.ReadFile(b.Kept().StateFile())
		switch {
		case err != nil:
			return err.Error()
		case !strings.Contains(string(text), " "+member.Name+" "):
			return "it does not"
		}
		return ""
	})
}

// TestRestartWithoutStateFileIsDrainedAgain: HAProxy begins with every server ready, and is told anew at once.
func TestRestartWithoutStateFileIsDrainedAgain(t *testing.T) {
	kept := fleet.Kept()
	kept.StateFile, kept.Ring = false, true
	s := own(t, fleet.Options{Web: 2, Balancers: 1, Proxies: []fleet.ProxyOptions{kept}})
	drained, balancer := s.Web()[0], s.Balancers()[0]
	load := s.load()
	s.ok(balancer, "pool", "drain", "web/"+drained.Name, "--wait")
	s.status(drained, "MAINT")
	from := time.Now()
	s.must(balancer.Kept().Reload(s.ctx()))
	s.status(drained, "MAINT")
	s.hold(time.Second)
	reloaded := time.Now()
	s.must(balancer.Kept().Kill(s.ctx()))
	s.must(balancer.Kept().Start(s.ctx()))
	s.status(drained, "MAINT")
	s.hold(time.Second)
	restarted := time.Now()
	load.end()
	t.Logf("without state file, at %d requests/s, the drained member answered %d after a reload and %d after a restart", rate,
		load.Window(from, reloaded).Server(drained.Name).Answers, load.Window(reloaded, restarted).Server(drained.Name).Answers)
	load.without(drained, restarted.Add(-time.Second), restarted)
	s.ok(balancer, "pool", "ready", "web/"+drained.Name, "--wait")
}

// TestPausedHAProxyIsNotInStep: nothing claims success while an HAProxy does not answer, and it converges when it does.
func TestPausedHAProxyIsNotInStep(t *testing.T) {
	s := take(t)
	drained, paused, other := s.Web()[1], s.Balancers()[0], s.Balancers()[1]
	s.must(paused.Kept().Pause())
	t.Cleanup(func() { _ = paused.Kept().Resume() })
	for _, m := range []*fleet.Machine{paused, other, s.Web()[0]} {
		s.awaitView(m, paused.Name+" is not in step", func(v cluster.View) string {
			b := s.balancer(v, paused)
			switch {
			case b.InStep:
				return "it is in step"
			case b.Reason == "":
				return "there is no reason"
			}
			return ""
		})
	}
	out, code := s.verb(other, "pool", "drain", "web/"+drained.Name, "--wait", "--timeout", "2s")
	if code != 1 || strings.Contains(out, "drain done") {
		t.Errorf("a drain that one balancer did not carry out: exit code %d\n%s", code, out)
	}
	s.says(out, paused.Name, "is not in step")
	s.must(paused.Kept().Resume())
	s.status(drained, "MAINT")
	s.phase(drained, "drained")
	s.ok(other, "pool", "ready", "web/"+drained.Name, "--wait")
	s.well()
}

// TestForeignChangeIsSetRightAndCounted: what somebody does by hand to a server of ours is drift.
func TestForeignChangeIsSetRightAndCounted(t *testing.T) {
	s := take(t)
	victim, b := s.Web()[2], s.Balancers()[0]
	before := s.balancer(s.view(b), b).Drift
	watch, told := s.watch(), s.mark()
	_, err := b.Kept().Ask(s.ctx(), "set server web/"+victim.Name+" state maint")
	s.must(err)
	s.serves(victim)
	for _, m := range s.Nodes() {
		s.awaitView(m, "drift is counted", func(v cluster.View) string {
			if s.balancer(v, b).Drift <= before {
				return "it is not"
			}
			return ""
		})
	}
	if _, ok := told.find(b, "balancer.drift", b.Name); !ok {
		t.Error("it is not told as an event")
	}
	watch.still(s.Web()[:2]...)
	s.well()
}
