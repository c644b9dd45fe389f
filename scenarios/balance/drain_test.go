// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// rounds is how often planned work is repeated.
const rounds = 10

// TestPlannedWorkCostsNoRequest: drain, deploy and bring back, again and again, under load.
func TestPlannedWorkCostsNoRequest(t *testing.T) {
	s := take(t)
	load := s.load()
	for i := range rounds {
		victim, through := s.Web()[i%len(s.Web())], s.Nodes()[i%len(s.Nodes())]
		s.ok(through, "pool", "drain", "web/"+victim.Name, "--wait")
		s.status(victim, "MAINT")
		out := time.Now()
		s.must(victim.App.Kill(s.ctx())) // it has no session left: it may end as it likes
		s.must(victim.App.Start(s.ctx()))
		load.without(victim, out, time.Now())
		s.ok(through, "pool", "ready", "web/"+victim.Name, "--wait")
		s.serves(victim)
	}
	report := load.stop(load.from)
	if report.Failed > 0 {
		t.Errorf("requests failed: %s", report)
	}
	t.Logf("%d times: %s", rounds, report)
	s.well()
}

// TestDrainFloorRefusesTheLastMember: an operator cannot take the last one out by mistake, and can on purpose.
func TestDrainFloorRefusesTheLastMember(t *testing.T) {
	s := take(t)
	through, last := s.Balancers()[0], s.Web()[2]
	for _, m := range s.Web()[:2] {
		s.ok(through, "pool", "drain", "web/"+m.Name, "--wait")
	}
	s.refused(through, "drain floor", "pool", "drain", "web/"+last.Name)
	s.refused(through, "drain floor", "pool", "maint", "web/"+last.Name)
	s.refused(through, "drain floor", "node", "standby", last.Name)
	s.awaitFloor(1)
	s.serves(last)
	s.ok(through, "pool", "drain", "web/"+last.Name, "--force", "--wait")
	s.awaitFloor(0)
	for _, m := range s.Web() {
		s.ok(through, "pool", "ready", "web/"+m.Name, "--wait")
	}
	s.well()
}

// TestDrainDeadlineCutsOnlyWhenItIsOver: a request that takes too long is cut at the deadline and no sooner, and those of
// other members are left alone.
func TestDrainDeadlineCutsOnlyWhenItIsOver(t *testing.T) {
	s := take(t)
	victim, through := s.Web()[0], s.Balancers()[0]
	const deadline, takes = 1500 * time.Millisecond, 5 * time.Second
	answers, under := s.slow(through, takes)
	asked := time.Now()
	s.ok(through, "pool", "drain", "web/"+victim.Name, "--deadline", deadline.String())
	s.status(victim, "DRAIN", "MAINT")
	cut := 0
	for range sum(under) {
		a := <-answers
		if a.err == nil && a.status == http.StatusOK && a.server != victim.Name {
			continue
		}
		cut++
		if a.server == victim.Name {
			t.Errorf("%s answered with status %d", victim.Name, a.status)
		}
		if after := a.at.Sub(asked); after < deadline || after > takes {
			t.Errorf("a request ended after %s (%v, status %d), the deadline is %s", after, a.err, a.status, deadline)
		}
	}
	if cut != under[victim.Name] {
		t.Errorf("%d requests were cut, want those of %s alone: %v", cut, victim.Name, under)
	}
	s.phase(victim, "drained")
	s.ok(through, "pool", "ready", "web/"+victim.Name, "--wait")
	s.well()
}

// TestDrainWithoutDeadlineWaits: the last session is waited for, and only then the member is taken out.
func TestDrainWithoutDeadlineWaits(t *testing.T) {
	s := take(t)
	victim, through := s.Web()[1], s.Balancers()[1]
	watch := s.watch()
	answers, under := s.slow(through, 4*time.Second)
	s.ok(through, "pool", "drain", "web/"+victim.Name, "--wait")
	drained := time.Now()
	s.status(victim, "MAINT")
	for range sum(under) {
		a := <-answers
		if a.err != nil || a.status != http.StatusOK {
			t.Errorf("a request was cut: %v, status %d of %q", a.err, a.status, a.server)
		}
		if a.server == victim.Name && a.at.After(drained) {
			t.Error("the drain was done before the last session was")
		}
	}
	if got := fmt.Sprint(watch.changes(through, victim)); got != "[UP DRAIN MAINT]" {
		t.Errorf("on %s it went %s", through.Name, got)
	}
	s.ok(through, "pool", "ready", "web/"+victim.Name, "--wait")
	s.well()
}

// TestSlowStartRaisesTheWeight: a member that comes back takes a little at first and its full share in the end.
func TestSlowStartRaisesTheWeight(t *testing.T) {
	s := own(t, fleet.Options{Web: 2, Balancers: 1, Spec: func(spec *cluster.Spec) {
		spec.Pools[0].SlowStart = seconds(2)
		spec.Pools[0].Members[0].Weight = 100
	}})
	victim, through := s.Web()[1], s.Balancers()[0]
	s.await("the full weight is 100", func(ctx context.Context) string { return s.weight(ctx, victim, 100) })
	s.ok(through, "pool", "drain", "web/"+victim.Name, "--wait")
	watch := s.watch()
	s.ok(through, "pool", "ready", "web/"+victim.Name, "--wait")
	s.await("the weight is full again", func(ctx context.Context) string { return s.weight(ctx, victim, 100) })
	for _, b := range s.Balancers() {
		var weights []int
		for _, c := range watch.watches[b.Name].Changes() {
			if c.Server.Name == victim.Name && c.To.InRotation() {
				weights = append(weights, c.To.Weight)
			}
		}
		for i, w := range weights {
			if i > 0 && w <= weights[i-1] || i == 0 && w >= 50 {
				t.Errorf("the weight on %s was %v, want it to rise from little", b.Name, weights)
			}
		}
		if len(weights) < 4 {
			t.Errorf("the weight on %s was %v, want several steps", b.Name, weights)
		}
	}
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// weight tells where a server has another weight.
func (s *stand) weight(ctx context.Context, m *fleet.Machine, want int) string {
	for _, b := range s.Balancers() {
		servers, err := b.Kept().Servers(ctx)
		if err != nil {
			return err.Error()
		}
		if v := servers[m.Name]; !v.Serves() || v.Weight != want {
			return fmt.Sprintf("on %s it is %s with weight %d", b.Name, v.Status, v.Weight)
		}
	}
	return ""
}
