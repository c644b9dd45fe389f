// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"cmp"
	"crypto/rand"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

var (
	stageFirst = flag.Uint64("stage-seed", 1, "the first seed of scenarios")
	stageCount = flag.Uint64("stage-seeds", 3, "with how many seeds each scenario is played")
	stageTrace = flag.String("stage-trace", "", "write the trace of a failed play to this file")
)

// timesOf returns the times of the nodes of a cluster.
func timesOf(t *testing.T, c script.Cluster) core.Times {
	t.Helper()
	tm, err := config.Derive(cmp.Or(c.Timing, config.DefaultTiming))
	if err != nil {
		t.Fatal(err)
	}
	const startGraceBeats = 30 // as the command line has it
	return core.Times{
		Profile: tm.Profile, Beat: tm.Beat, Missed: tm.Missed, Pulse: tm.Pulse, Slack: tm.Slack, SuspectAfter: tm.SuspectAfter,
		VoteTTL: tm.VoteTTL, FreshWithin: tm.FreshWithin, QuorumAge: tm.QuorumAge, StartGrace: startGraceBeats * tm.Beat,
		ElectionPulses: tm.ElectionPulses, Terms: tm.Terms(),
	}
}

// play plays a script in the simulator, and returns the trace as well if there is a place for it.
func play(t *testing.T, s *script.Script, seed uint64) (script.Report, []string) {
	t.Helper()
	stage := sim.NewStage(s.Cluster, seed, timesOf(t, s.Cluster))
	if *stageTrace != "" {
		stage.KeepTrace()
	}
	was := rand.Reader
	defer func() { rand.Reader = was }()
	rand.Reader = stage.Dice()
	return script.Play(t.Context(), s, stage, nil), stage.Trace()
}

// parse reads a script that is written in a test.
func parse(t *testing.T, text string) *script.Script {
	t.Helper()
	s, err := script.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestScenarios plays every scenario that is for the simulator, with several seeds, and each of them twice with one.
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("../../scenarios/*/*.txt")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d scenarios: %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "../../scenarios/"), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := script.Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(s.Worlds, script.Sim) {
				return // its worlds are said in it
			}
			playSeeds(t, s)
		})
	}
}

func playSeeds(t *testing.T, s *script.Script) {
	t.Helper()
	for seed := *stageFirst; seed < *stageFirst+*stageCount; seed++ {
		report, trace := play(t, s, seed)
		if !report.Kept() {
			t.Errorf("seed %d: %s", seed, report)
			if *stageTrace != "" {
				if err := os.WriteFile(*stageTrace, []byte(strings.Join(trace, "\n")), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		if seed > *stageFirst {
			continue
		}
		again, _ := play(t, s, seed)
		if diff := gocmp.Diff(report, again); diff != "" {
			t.Errorf("seed %d: played again, it is another play:\n%s", seed, diff)
		}
	}
}
