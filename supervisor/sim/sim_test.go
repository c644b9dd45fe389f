// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"crypto/rand"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

var (
	first = flag.Uint64("seed", 1, "the first seed")
	count = flag.Uint64("seeds", 20, "how many seeds")
	lane  = flag.String("lane", string(sim.Everything), "what worlds are about")
	trace = flag.String("trace", "", "write the trace of a failed seed to this file")
)

func times(profile string, beat time.Duration, pulses, election int, age time.Duration) core.Times {
	return core.Times{
		Profile: profile, Beat: beat, Missed: 3, Pulse: beat / time.Duration(pulses), Slack: beat / 10, SuspectAfter: 3 * beat,
		Terms:   lease.Terms{Hold: age * 12 / 5, Pause: age, Margin: beat / 5, Drift: 0.09},
		VoteTTL: 3 * beat, FreshWithin: beat * 3 / 2, QuorumAge: age, StartGrace: 30 * beat, ElectionPulses: election,
	}
}

var profiles = []sim.Profile{
	{Times: times("lan", 100*time.Millisecond, 2, 8, 500*time.Millisecond), Weight: 1},
	{Times: times("wan", 500*time.Millisecond, 5, 20, 2500*time.Millisecond), Weight: 3},
}

func run(o sim.Options) sim.Result {
	w := sim.New(o)
	was := rand.Reader
	defer func() { rand.Reader = was }()
	rand.Reader = w.Dice()
	return w.Run()
}

func TestSeeds(t *testing.T) {
	var sum sim.Tally
	for seed := *first; seed < *first+*count; seed++ {
		r := run(sim.Lane(*lane).Random(seed, profiles))
		sum.Add(r.Tally)
		if r.Violation != nil {
			t.Errorf("%v\n%v", r.Options, r.Violation)
			if *trace != "" {
				o := r.Options
				o.Verbose = true
				_ = os.WriteFile(*trace, []byte(strings.Join(run(o).Lines, "\n")), 0o600)
				return
			}
		}
	}
	t.Logf("%+v", sum)
}

// TestInstants lives through worlds whose faults are aimed: holders are lost in all of them, and no promise is broken.
func TestInstants(t *testing.T) {
	for seed := *first; seed < *first+*count; seed++ {
		r := run(sim.Instants.Random(seed, profiles))
		if r.Violation != nil {
			t.Errorf("%v\n%v", r.Options, r.Violation)
		}
		if r.Tally.Faults[sim.Attack] == 0 || r.Tally.Condemned == 0 {
			t.Errorf("%v\n%d attacks, %d lives condemned", r.Options, r.Tally.Faults[sim.Attack], r.Tally.Condemned)
		}
	}
}
