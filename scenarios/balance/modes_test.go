// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestStandbyMovesEverythingOffANode and unstandby brings it back; the node goes on voting.
func TestStandbyMovesEverythingOffANode(t *testing.T) {
	s := take(t)
	victim, through := s.Web()[0], s.Balancers()[0]
	s.ok(through, "node", "standby", victim.Name, "--wait", "--reason", "new disks")
	s.status(victim, "MAINT")
	v := s.view(through)
	if n := s.node(v, victim); n.Mode != cluster.ModeStandby || n.Life != "alive" || n.Log != "voter" {
		t.Errorf("its node is %+v", n)
	}
	out, _ := s.verb(through, "status")
	s.says(out, "standby", "new disks")
	s.refused(through, "is not in maintenance", "node", "maintenance", victim.Name, "--off")
	s.ok(through, "node", "unstandby", victim.Name, "--wait")
	s.serves(victim)
	s.well()
}

// TestMaintenanceOfAMembersNodeTouchesNothing: whatever happens there, its servers stay as they are.
func TestMaintenanceOfAMembersNodeTouchesNothing(t *testing.T) {
	s := take(t)
	victim, through := s.Web()[1], s.Balancers()[1]
	watch := s.watch()
	s.ok(through, "node", "maintenance", victim.Name)
	s.must(victim.App.Kill(s.ctx()))
	s.awaitView(through, "its application is down", func(v cluster.View) string {
		for _, m := range v.Pools[0].Members {
			if m.Name == victim.Name && (m.Condition != cluster.Down || m.Service != cluster.Untouched) {
				return string(m.Condition) + ", " + string(m.Service)
			}
		}
		return ""
	})
	s.must(victim.Supervisor.Kill(s.ctx()))
	s.awaitView(through, "it is down", func(v cluster.View) string { return s.life(v, victim, "down") })
	s.hold(quiet / 3)
	watch.still(s.Web()...)
	s.must(victim.Supervisor.Start(s.ctx()))
	s.awaitAlive(victim)
	s.ok(through, "node", "maintenance", victim.Name, "--off")
	s.status(victim, "MAINT")
	s.must(victim.App.Start(s.ctx()))
	s.well()
}

// TestMaintenanceOfABalancersNodeLeavesItsBalancerAlone: what is asked meanwhile is done elsewhere, and made up for.
func TestMaintenanceOfABalancersNodeLeavesItsBalancerAlone(t *testing.T) {
	s := take(t)
	drained, left, other := s.Web()[2], s.Balancers()[0], s.Balancers()[1]
	watch := s.watch()
	s.ok(other, "node", "maintenance", left.Name)
	s.awaitView(left, "its balancer is not touched", func(v cluster.View) string {
		if b := s.balancer(v, left); b.InStep {
			return "it is in step"
		}
		return ""
	})
	s.ok(other, "pool", "drain", "web/"+drained.Name)
	s.await("the drain is carried out elsewhere", s.shows(other, drained, "MAINT"))
	s.hold(quiet / 3)
	if got := watch.changes(left, drained); len(got) > 0 {
		t.Errorf("on the balancer in maintenance it went %v", got)
	}
	s.ok(other, "node", "maintenance", left.Name, "--off")
	s.status(drained, "MAINT")
	s.ok(other, "pool", "ready", "web/"+drained.Name, "--wait")
	s.well()
}
