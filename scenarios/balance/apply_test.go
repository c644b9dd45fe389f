// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

func seconds(n int) cluster.Duration { return cluster.Duration(time.Duration(n) * time.Second) }

// file returns the cluster file in force, to be changed.
func (s *stand) file(m *fleet.Machine) cluster.Spec {
	s.t.Helper()
	answer, err := m.API.Spec(s.ctx())
	s.must(err)
	return answer.Spec
}

// save writes a cluster file and returns its path.
func (s *stand) save(spec cluster.Spec) string {
	s.t.Helper()
	text, err := config.FormatCluster(spec)
	s.must(err)
	return s.saveText(string(text))
}

func (s *stand) saveText(text string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "cluster.yaml")
	s.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// apply puts a cluster file in force on every node.
func (s *stand) apply(m *fleet.Machine, spec cluster.Spec) string {
	s.t.Helper()
	return s.ok(m, "apply", "-f", s.save(spec), "--yes")
}

// runs waits until every node runs a revision, in its own eyes and those of the others.
func (s *stand) runs(revision uint64) {
	s.t.Helper()
	for _, m := range s.Nodes() {
		s.awaitView(m, fmt.Sprintf("every node runs revision %d", revision), func(v cluster.View) string {
			if v.Revision != revision {
				return fmt.Sprintf("%d is in force", v.Revision)
			}
			for _, n := range v.Nodes {
				if n.Revision != revision || n.Lags {
					return fmt.Sprintf("%s runs %d", n.Name, n.Revision)
				}
			}
			return ""
		})
	}
}

// TestBadClusterFileChangesNothing: it is refused with its place, and nothing is different afterwards.
func TestBadClusterFileChangesNothing(t *testing.T) {
	s := take(t)
	through := s.Web()[0]
	before := s.view(through).Revision
	text, err := config.FormatCluster(s.file(through))
	s.must(err)
	good := string(text)
	place := func(path, line string) string {
		at := strings.Count(good[:strings.Index(good, line)], "\n") + 1
		return fmt.Sprintf("%s:%d", path, at)
	}
	for line, wrong := range map[string]string{
		"port: 8080": "port: 80800",
		"check:":     "chekc:",
		"1000":       "many",
	} {
		path := s.saveText(strings.Replace(good, line, wrong, 1))
		s.refused(through, place(path, line), "apply", "-f", path, "--yes")
	}
	if v := s.view(through); v.Revision != before {
		t.Errorf("revision %d, it was %d", v.Revision, before)
	}
	s.well()
}

// TestGoodClusterFileReachesEveryNode: the difference is shown, committed, and reported by every node; a stopped one lags and
// catches up; what was written against an older revision is refused.
func TestGoodClusterFileReachesEveryNode(t *testing.T) {
	s := take(t)
	through, stopped := s.Balancers()[0], s.Web()[2]
	former, before := s.file(through), s.view(through).Revision
	changed := s.file(through)
	changed.Pools[0].Drain.Deadline = seconds(77)
	dry := s.ok(through, "apply", "-f", s.save(changed), "--dry-run")
	s.says(dry, "pools[web].drain", "1m17s", "nothing was changed")
	if got := s.view(through).Revision; got != before {
		t.Fatalf("a dry run made revision %d of %d", got, before)
	}
	out := s.apply(through, changed)
	s.says(out, "pools[web].drain", "1m17s", fmt.Sprintf("accepted as revision %d", before+1), "5 of 5")
	s.runs(before + 1)

	s.must(stopped.Supervisor.Kill(s.ctx()))
	s.awaitView(through, "it is down", func(v cluster.View) string { return s.life(v, stopped, "down") })
	changed.Pools[0].Drain.Deadline = seconds(78)
	out = s.apply(through, changed)
	s.says(out, "4 of 5", stopped.Name+" (down)")
	if n := s.node(s.view(through), stopped); n.Revision != before+1 {
		t.Errorf("the stopped node is said to run revision %d", n.Revision)
	}
	s.must(stopped.Supervisor.Start(s.ctx()))
	s.runs(before + 2)

	stale := before + 1
	_, err := s.Web()[0].API.Apply(s.ctx(), api.ApplyRequest{Spec: former, IfRevision: &stale})
	if err == nil || !strings.Contains(err.Error(), "somebody else changed it meanwhile") {
		t.Errorf("a file written against a former revision: %v", err)
	}
	s.apply(through, former)
	s.runs(before + 3)
	s.well()
}

// TestConcurrentAppliesAreNotMixed: of two operators who start from the same revision, one is refused.
func TestConcurrentAppliesAreNotMixed(t *testing.T) {
	s := take(t)
	former, revision := s.file(s.Web()[0]), s.view(s.Web()[0]).Revision
	results := make(chan error, 2) // one for each operator
	for i, m := range []*fleet.Machine{s.Web()[0], s.Balancers()[1]} {
		changed := s.file(m)
		changed.Pools[0].Drain.Deadline = seconds(100 + i)
		go func() {
			_, err := m.API.Apply(s.ctx(), api.ApplyRequest{Spec: changed, IfRevision: &revision})
			results <- err
		}()
	}
	failed := 0
	for range 2 {
		if err := <-results; err != nil {
			failed++
			s.says(err.Error(), "somebody else changed it meanwhile")
		}
	}
	if failed != 1 {
		t.Errorf("%d of two were refused, want one", failed)
	}
	s.runs(revision + 1)
	s.apply(s.Web()[0], former)
	s.well()
}
