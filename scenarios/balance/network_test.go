// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestNodeCutOffIsOutAndComesBackInANewLife: silence is suspected, condemnation takes it out, and when the network is whole
// again it is let in as somebody new.
func TestNodeCutOffIsOutAndComesBackInANewLife(t *testing.T) {
	s := take(t)
	victim, witness := s.Web()[2], s.Balancers()[0]
	before := s.node(s.view(witness), victim)
	watch, told := s.watch(), s.mark()
	_, err := s.world.Cut(victim.Node)
	s.must(err)
	s.status(victim, "MAINT")
	for _, b := range s.Balancers() {
		// A balancer whose own suspicion comes after the condemnation takes it out at once.
		if got := watch.changes(b, victim); !slices.Contains([]string{"UP DRAIN MAINT", "UP MAINT"}, strings.Join(got, " ")) {
			t.Errorf("on %s it went %v, want UP DRAIN MAINT", b.Name, got)
		}
	}
	s.awaitView(witness, "it is down", func(v cluster.View) string { return s.life(v, victim, "down") })
	_, err = s.world.Heal(victim.Node)
	s.must(err)
	s.serves(victim)
	s.well()
	after := s.node(s.view(witness), victim)
	if after.Epoch <= before.Epoch || after.Boot <= before.Boot {
		t.Errorf("it came back in epoch %d, life %d; it was in epoch %d, life %d", after.Epoch, after.Boot, before.Epoch, before.Boot)
	}
	for _, kind := range []string{"node.suspect", cluster.EventCondemned, cluster.EventAdmitted} {
		if _, ok := told.find(witness, kind, victim.Name); !ok {
			t.Errorf("%s does not tell %s", witness.Name, kind)
		}
	}
	if _, ok := told.find(victim, "node.new-life", victim.Name); !ok {
		t.Errorf("%s does not tell that it began a new life", victim.Name)
	}
	watch.still(s.Web()[:2]...)
}

// TestOneOfTwoRailsCutSuspectsNobody: everything goes out on both, so one is enough. That it is missing is said.
func TestOneOfTwoRailsCutSuspectsNobody(t *testing.T) {
	s := take(t)
	watch, told := s.watch(), s.mark()
	var nodes []*lab.Node
	for _, m := range s.Nodes() {
		nodes = append(nodes, m.Node)
	}
	_, err := s.world.CutRail(1, nodes...)
	s.must(err)
	for _, m := range s.Nodes() {
		s.awaitView(m, "a rail is silent", func(v cluster.View) string {
			if v.Verdict != cluster.DegradedVerdict || !strings.Contains(strings.Join(v.Problems, "\n"), "rail1") {
				return fmt.Sprintf("%s: %v", v.Verdict, v.Problems)
			}
			return ""
		})
	}
	s.hold(quiet)
	_, err = s.world.HealAll()
	s.must(err)
	s.well()
	told.never("node.suspect", cluster.EventCondemned, "node.quorum")
	watch.still(s.Web()...)
}

// TestRailMissingAtStartIsSaidAndRecoversAlone: a node whose address on one rail does not exist yet runs on the other one.
func TestRailMissingAtStartIsSaidAndRecoversAlone(t *testing.T) {
	s := take(t)
	victim := s.Web()[1]
	address := victim.Node.Rail(2).String() + "/24"
	s.must(victim.Supervisor.Stop(s.ctx()))
	s.ip(victim, "addr", "del", address, "dev", lab.InterfaceName(2))
	s.must(victim.Supervisor.Start(s.ctx()))
	s.awaitAlive(victim)
	s.serves(victim)
	for _, m := range []*fleet.Machine{victim, s.Balancers()[0]} {
		s.awaitView(m, "a rail of "+victim.Name+" is missing", func(v cluster.View) string {
			want := fmt.Sprintf("node %s has 1 of 2 rails up", victim.Name)
			if v.Verdict != cluster.DegradedVerdict || !strings.Contains(strings.Join(v.Problems, "\n"), want) {
				return fmt.Sprintf("%s: %v", v.Verdict, v.Problems)
			}
			return ""
		})
	}
	for _, r := range s.view(victim).Rails {
		if r.Name == "rail2" && (r.Up || r.Error == "") {
			t.Errorf("the rail is %+v, want it down with its reason", r)
		}
	}
	s.ip(victim, "addr", "add", address, "dev", lab.InterfaceName(2))
	s.well()
}

// TestPartialPartitionCondemnsNobody: whoever is heard by a majority stays, though two nodes do not hear each other; also
// when one of the two leads.
func TestPartialPartitionCondemnsNobody(t *testing.T) {
	s := take(t)
	leader, err := s.Leader(s.ctx())
	s.must(err)
	for _, other := range s.Nodes() {
		if other != leader && other.Role == fleet.RoleWeb {
			s.cutPair(leader, other)
			break
		}
	}
	s.cutPair(s.Web()[1], s.Web()[2])
}

// TestBalancerCutOffAMemberSuspendsItAlone: a balancer sends nothing to whom it cannot hear, takes nobody out for it, and puts
// the member back when it hears it again; the other balancer goes on.
func TestBalancerCutOffAMemberSuspendsItAlone(t *testing.T) {
	s := take(t)
	deaf, other, victim := s.Balancers()[0], s.Balancers()[1], s.Web()[2]
	watch, told := s.watch(), s.mark()
	_, err := s.world.CutPair(deaf.Node, victim.Node)
	s.must(err)
	s.await("it is drained", s.shows(deaf, victim, "DRAIN"))
	s.hold(quiet)
	if missing := s.shows(deaf, victim, "DRAIN")(s.ctx()); missing != "" {
		t.Errorf("on %s %s", deaf.Name, missing)
	}
	_, err = s.world.Heal(deaf.Node, victim.Node)
	s.must(err)
	s.serves(victim)
	s.well()
	told.never(cluster.EventCondemned)
	if got := watch.changes(other, victim); len(got) > 0 {
		t.Errorf("on %s it went %v", other.Name, got)
	}
	watch.still(s.Web()[:2]...)
}

// cutPair cuts two nodes from each other for a while in which nobody must be condemned, and nobody else touched.
func (s *stand) cutPair(a, b *fleet.Machine) {
	s.t.Helper()
	watch, told := s.watch(), s.mark()
	_, err := s.world.CutPair(a.Node, b.Node)
	s.must(err)
	s.await("one of the two suspects the other", func(context.Context) string {
		_, first := told.find(a, "node.suspect", b.Name)
		_, second := told.find(b, "node.suspect", a.Name)
		if !first && !second {
			return "neither does"
		}
		return ""
	})
	s.hold(quiet)
	_, err = s.world.Heal(a.Node, b.Node)
	s.must(err)
	s.well()
	told.never(cluster.EventCondemned)
	for _, m := range s.Web() {
		// A balancer that is cut off a member drains it, rightly.
		if a.Role == fleet.RoleWeb && b.Role == fleet.RoleWeb || m != a && m != b {
			watch.still(m)
		}
	}
	watch.stop()
}

func (s *stand) ip(m *fleet.Machine, args ...string) {
	s.t.Helper()
	_, err := m.Node.Run(s.ctx(), append([]string{"ip"}, args...)...)
	s.must(err)
}
