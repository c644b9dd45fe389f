// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// TestWipedNodeJoinsAnew: a node that lost its data directory comes back as another installation, in a new epoch, and gets all
// that was decided meanwhile.
func TestWipedNodeJoinsAnew(t *testing.T) {
	s := take(t)
	victim, witness := s.Web()[0], s.Balancers()[1]
	before := s.node(s.view(witness), victim)
	id := s.view(witness).ClusterID
	told := s.mark()
	s.must(victim.Supervisor.Kill(s.ctx()))
	s.must(victim.Wipe())
	s.must(victim.Supervisor.Start(s.ctx()))
	s.await("it is let in anew", func(ctx context.Context) string {
		view, err := witness.View(ctx)
		if err != nil {
			return err.Error()
		}
		if n := s.node(view, victim); n.Epoch <= before.Epoch || n.Life != "alive" {
			return "it is " + n.Life + ": " + n.Reason
		}
		return ""
	})
	s.well()
	v := s.view(victim)
	if v.ClusterID != id {
		t.Errorf("it is in cluster %s, the others are in %s", v.ClusterID, id)
	}
	if n := s.node(v, victim); n.Log != "voter" {
		t.Errorf("in the log it is %s", n.Log)
	}
	if n, ok := told.find(witness, cluster.EventAdmitted, victim.Name); !ok || !strings.Contains(n.Reason, "new data directory") {
		t.Errorf("it was let in as one that %q", n.Reason)
	}
}

// TestAgentlessMemberIsProbedByTheBalancers: nobody of ours runs where it lives, and still it goes out on all balancers when
// it dies, and comes back.
func TestAgentlessMemberIsProbedByTheBalancers(t *testing.T) {
	s := own(t, fleet.Options{Web: 1, Balancers: 2, Plain: 1, Spec: func(spec *cluster.Spec) {
		spec.Pools[0].Check.Interval = cluster.Duration(200 * time.Millisecond)
	}})
	victim := s.Plain()[0]
	load := s.load()
	s.must(victim.App.Kill(s.ctx()))
	dead := time.Now()
	s.status(victim, "MAINT")
	out := time.Now()
	view := s.awaitView(s.Balancers()[0], "both balancers say so", func(v cluster.View) string {
		for _, m := range v.Pools[0].Members {
			if m.Name == victim.Name && m.Condition == cluster.Down {
				return ""
			}
		}
		return "it is not down"
	})
	s.says(strings.Join(view.Problems, "\n"), "2 of 2 balancer nodes say down")
	s.hold(time.Second)
	load.without(victim, out, time.Now())
	s.must(victim.App.Start(s.ctx()))
	s.well()
	if report := load.stop(dead); report.Failed > 0 {
		t.Errorf("requests failed after the application's end: %s", report)
	}
}

// TestTwoClustersOfOneNameStayApart: a second cluster with our name and key, founded while it could not hear us, is a
// stranger for good.
func TestTwoClustersOfOneNameStayApart(t *testing.T) {
	key := config.NewKey()
	s := own(t, fleet.Options{Witnesses: 3, Key: key})
	second, err := fleet.New(t.Context(), s.world, fleet.Options{Binary: binary, Prefix: "b", Witnesses: 3, Key: key, Near: s.Fleet})
	s.must(err)
	t.Cleanup(second.Close)
	for _, m := range second.Nodes() {
		for _, other := range s.Nodes() {
			_, err := s.world.CutPair(m.Node, other.Node)
			s.must(err)
		}
	}
	s.must(second.Start(s.ctx()))
	s.must(second.AwaitWell(s.ctx()))
	_, err = s.world.HealAll()
	s.must(err)
	for _, m := range append(s.Nodes(), second.Nodes()...) {
		s.await(m.Name+" tells of the stranger", func(ctx context.Context) string {
			notices, err := m.Notices(ctx)
			if err != nil {
				return err.Error()
			}
			for _, n := range notices {
				if n.Kind == "cluster.stranger" && strings.Contains(n.Reason, "stay apart") {
					return ""
				}
			}
			return "it does not"
		})
	}
	s.hold(quiet)
	s.well()
	s.must(second.AwaitWell(s.ctx()))
	ids := map[string]int{}
	for _, m := range append(s.Nodes(), second.Nodes()...) {
		v := s.view(m)
		if ids[v.ClusterID]++; len(v.Nodes) != 3 {
			t.Errorf("%s sees %d nodes", m.Name, len(v.Nodes))
		}
		s.says(strings.Join(v.Problems, "\n"), "another cluster with our name and key is heard here", "the two stay apart")
	}
	if len(ids) != 2 {
		t.Errorf("the nodes are in clusters %v, want two of three nodes each", ids)
	}
}
