// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestLeaderKilledTouchesNoOtherMember: another one leads, the members of others stay as they are in every HAProxy, and the
// leader's own is taken out and comes back with it.
func TestLeaderKilledTouchesNoOtherMember(t *testing.T) {
	s := take(t)
	leader := s.webLeader()
	watch := s.watch()
	s.must(leader.Supervisor.Kill(s.ctx()))
	s.await("another one leads", func(ctx context.Context) string {
		now, err := s.Leader(ctx)
		switch {
		case err != nil:
			return err.Error()
		case now == leader:
			return leader.Name + " is still taken for the leader"
		}
		return ""
	})
	s.status(leader, "MAINT")
	s.must(leader.Supervisor.Start(s.ctx()))
	s.serves(leader)
	s.well()
	for _, m := range s.Web() {
		if m != leader {
			watch.still(m)
		}
	}
}

// webLeader makes a web machine lead, by taking the lead from others.
func (s *stand) webLeader() *fleet.Machine {
	s.t.Helper()
	for range 10 {
		leader, err := s.Leader(s.ctx())
		s.must(err)
		if leader.Role == fleet.RoleWeb {
			return leader
		}
		s.must(leader.Supervisor.Kill(s.ctx()))
		s.await("another one leads", func(ctx context.Context) string {
			if now, err := s.Leader(ctx); err != nil || now == leader {
				return "nobody does"
			}
			return ""
		})
		s.must(leader.Supervisor.Start(s.ctx()))
		s.well()
	}
	s.t.Fatal("no web machine comes to lead")
	return nil
}

// TestMajorityLostChangesNoBalancer: who is left says why, refuses what it cannot decide, and changes nothing.
func TestMajorityLostChangesNoBalancer(t *testing.T) {
	s := take(t)
	left := s.Balancers()[0]
	before := s.servers()
	watch := s.watch()
	for _, m := range s.Web() {
		s.must(m.Supervisor.Strike())
	}
	s.awaitView(left, "there is no quorum", func(v cluster.View) string {
		if v.Verdict != cluster.NoQuorumVerdict || v.Leader != "" {
			return "the verdict is " + string(v.Verdict) + ", the leader " + string(v.Leader)
		}
		return ""
	})
	out, code := s.verb(left, "status")
	if code != 1 {
		t.Errorf("status: exit code %d, want 1", code)
	}
	s.says(out, "no quorum: 2 of 5 voters", "nothing is changed on any balancer")
	s.refused(left, "no quorum: 2 of 5 voters", "pool", "drain", "web/"+s.Web()[0].Name)
	s.hold(quiet)
	if diff := cmp.Diff(before, s.servers()); diff != "" {
		t.Errorf("the balancers were changed (-before +after):\n%s", diff)
	}
	watch.still(s.Web()...)
	for _, m := range s.Web() {
		_, err := m.Supervisor.Wait(s.ctx())
		s.must(err)
		s.must(m.Supervisor.Start(s.ctx()))
	}
	s.well()
}

// TestAllSupervisorsKilledComeBackToTheSameState: what was drained stays drained, and nothing else is touched.
func TestAllSupervisorsKilledComeBackToTheSameState(t *testing.T) {
	s := take(t)
	drained := s.Web()[1]
	s.ok(s.Balancers()[0], "pool", "drain", "web/"+drained.Name, "--wait")
	s.status(drained, "MAINT")
	before := s.servers()
	revision := s.view(s.Balancers()[0]).Revision
	watch := s.watch()
	for _, m := range s.Nodes() {
		s.must(m.Supervisor.Strike())
	}
	for _, m := range s.Nodes() {
		_, err := m.Supervisor.Wait(s.ctx())
		s.must(err)
	}
	for _, m := range s.Nodes() {
		s.must(m.Supervisor.Start(s.ctx()))
	}
	for _, m := range s.Nodes() {
		s.awaitAlive(m)
	}
	s.phase(drained, "drained", "out")
	s.hold(quiet)
	if diff := cmp.Diff(before, s.servers()); diff != "" {
		t.Errorf("the balancers were changed (-before +after):\n%s", diff)
	}
	watch.still(s.Web()...)
	if got := s.view(s.Balancers()[1]).Revision; got != revision {
		t.Errorf("revision %d, it was %d", got, revision)
	}
	s.ok(s.Balancers()[1], "pool", "ready", "web/"+drained.Name, "--wait")
	s.well()
}

// servers returns what every HAProxy says of every server, but for counters.
func (s *stand) servers() map[string]map[string]fleet.Server {
	s.t.Helper()
	out := map[string]map[string]fleet.Server{}
	for _, b := range s.Balancers() {
		servers, err := b.Kept().Servers(s.ctx())
		s.must(err)
		for name, v := range servers {
			v.Sessions, v.Refused = 0, 0
			servers[name] = v
		}
		out[b.Name] = servers
	}
	return out
}
