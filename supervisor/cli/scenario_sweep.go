// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

const (
	// twiceEvery is which seeds run twice: both runs must be the same.
	twiceEvery = 10
	// sweepEvery is how often a sweep tells how far it is.
	sweepEvery = 5 * time.Second
	// worldGC trades memory for speed in a process that only simulates.
	worldGC = 800
)

// worldResult is what became of one world.
type worldResult struct {
	Seed    uint64         `json:"seed"`
	World   string         `json:"world"` // in a line
	Broken  *sim.Violation `json:"broken,omitempty"`
	Faults  int            `json:"faults,omitempty"` // the fewest with which it breaks
	Trace   string         `json:"trace,omitempty"`  // file
	Tally   sim.Tally      `json:"tally"`
	Repeats bool           `json:"repeats,omitempty"` // it ran twice
}

// sweep is many worlds.
type sweep struct {
	env     *environment
	from, n uint64
	procs   int
	lane    string
	traces  string
	began   time.Time
	tally   sim.Tally
	twice   int
	broken  []worldResult
}

func newScenarioSweepCommand(env *environment) *cobra.Command {
	s := &sweep{env: env}
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Let random clusters live through random faults in the simulator",
		Long: `Each seed is a world: a cluster of three to seven nodes with its own timing, policy
and kinds of faults, which lives for ten minutes. Nodes are killed, machines lose
power, networks are cut, disks hang, clocks go wrong, applications die, HAProxies
are reloaded, and operators ask for anything, while checkers look on; then all is
healed and has to become right, a minority is lost for good, and in the last
minute nothing may happen any more. Every tenth seed runs twice and must come out
the same, event by event.

With --lane addresses the worlds are smaller, live for a shorter time, see more
faults, and always have addresses that one node holds at a time. With --lane
instants they are the same, but what happens in them is aimed: whoever holds an
address is lost in the middle of what its guard does, its clock as slow and all
others as fast as they may be, and those who wait for it are started again, stand
still, or are given other cluster files meanwhile.

A seed that breaks a promise is told with the fewest faults that break it and
with the file of its trace.`,
		Example: `  evenkeel scenario sweep --seeds 2000
  evenkeel scenario sweep --lane addresses --seeds 2000
  evenkeel scenario sweep --from 4711 --seeds 1`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.Uint64Var(&s.from, "from", 1, "the first seed")
	flags.Uint64Var(&s.n, "seeds", 200, "how many seeds")
	flags.IntVar(&s.procs, "procs", runtime.NumCPU(), "processes that simulate at once")
	flags.StringVar(&s.traces, "traces", os.TempDir(), "folder for the traces of seeds that break a promise")
	lane := laneFlag(cmd)
	form := formatFlag(cmd, formatTable, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s.lane = lane.is
		if s.n == 0 || s.procs < 1 {
			return usageError{"--seeds and --procs: write 1 or more"}
		}
		s.began = time.Now()
		if err := s.run(cmd.Context()); err != nil {
			return err
		}
		if form.is == formatJSON {
			if err := form.encode(env.stdout, s.report()); err != nil {
				return err
			}
		} else if err := s.tell(); err != nil {
			return err
		}
		if len(s.broken) > 0 {
			return codeError(exitFailed)
		}
		return nil
	}
	return cmd
}

// laneFlag adds --lane.
func laneFlag(cmd *cobra.Command) *choice {
	var lanes []string
	for _, l := range sim.Lanes() {
		lanes = append(lanes, string(l))
	}
	return choiceFlag(cmd, "lane", "", "what the worlds are about", lanes...)
}

// run shares the seeds among processes: raft draws its random numbers from one
// source in a process, so one world runs in it at a time.
func (s *sweep) run(ctx context.Context) error {
	seeds, results := make(chan uint64), make(chan worldResult)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(seeds)
		for seed := s.from; seed < s.from+s.n; seed++ {
			select {
			case seeds <- seed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	workers, wctx := errgroup.WithContext(ctx)
	for range s.procs {
		workers.Go(func() error { return s.process(wctx, seeds, results) })
	}
	g.Go(func() error {
		defer close(results)
		return workers.Wait()
	})
	g.Go(func() error {
		s.collect(results)
		return nil
	})
	return g.Wait()
}

// process runs one process, and gives it one seed after the other.
func (s *sweep) process(ctx context.Context, seeds <-chan uint64, results chan<- worldResult) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own binary: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "scenario", "world", "--lane", s.lane, "--traces", s.traces)
	cmd.Stderr = s.env.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a process to simulate in: %w", err)
	}
	lines := json.NewDecoder(out)
	for seed := range seeds {
		var r worldResult
		if _, err = fmt.Fprintln(in, seed); err == nil {
			err = lines.Decode(&r)
		}
		if err != nil {
			_ = cmd.Wait() // what it said is on standard error
			return fmt.Errorf("seed %d: its process ended (%w)", seed, err)
		}
		results <- r
	}
	_ = in.Close()
	return cmd.Wait()
}

// collect adds the results up, and tells how far the sweep is.
func (s *sweep) collect(results <-chan worldResult) {
	told := time.Now()
	for r := range results {
		s.tally.Add(r.Tally)
		if r.Repeats {
			s.twice++
		}
		if r.Broken != nil {
			s.broken = append(s.broken, r)
			s.env.say("BROKEN: %s\n  %s\n  %d faults are enough; the trace is in %s", r.World, r.Broken, r.Faults, r.Trace)
		}
		if time.Since(told) >= sweepEvery {
			told = time.Now()
			s.env.say("%d of %d seeds, %d broken, %.1f seeds/s", s.tally.Worlds, s.n, len(s.broken), s.rate())
		}
	}
}

func (s *sweep) rate() float64 { return float64(s.tally.Worlds) / time.Since(s.began).Seconds() }

// sweepReport is a sweep for programs.
type sweepReport struct {
	Lane    string         `json:"lane"`
	From    uint64         `json:"from"`
	Seeds   int            `json:"seeds"`
	Seconds float64        `json:"seconds"`
	Twice   int            `json:"twice"` // seeds that ran twice, with the same trace
	Broken  []worldResult  `json:"broken"`
	Faults  map[string]int `json:"faults"`
	Tally   sim.Tally      `json:"tally"`
}

func (s *sweep) report() sweepReport {
	r := sweepReport{
		Lane: s.lane, From: s.from, Seeds: s.tally.Worlds, Seconds: time.Since(s.began).Seconds(), Twice: s.twice,
		Broken: append([]worldResult{}, s.broken...), Faults: map[string]int{}, Tally: s.tally,
	}
	for _, k := range sim.Kinds() {
		r.Faults[k.String()] = s.tally.Faults[k]
	}
	return r
}

// tell tells the sweep to a person.
func (s *sweep) tell() error {
	t := s.tally
	faults := make([]string, 0, len(sim.Kinds()))
	for _, k := range sim.Kinds() {
		if n := t.Faults[k]; n > 0 {
			faults = append(faults, fmt.Sprintf("%s %d", k, n))
		}
	}
	text := strings.Join([]string{
		fmt.Sprintf("%d worlds, %s of simulated time, in %s (%.1f a second); %d ran twice, with the same trace",
			t.Worlds, t.Simulated.Round(time.Minute), time.Since(s.began).Round(time.Second), s.rate(), s.twice),
		fmt.Sprintf("%d faults: %s", t.Total, strings.Join(faults, ", ")),
		fmt.Sprintf("%d lives condemned, %d admitted, %d changes of leadership, %d requests of operators (%d accepted), %d votes, %d commands to balancers, %d steps of cores",
			t.Condemned, t.Admitted, t.Leaders, t.Requests, t.Accepted, t.Votes, t.Commands, t.Steps),
		fmt.Sprintf("longest: %s from a dead node's last word to its condemnation, %s from the end of the faults until all was right",
			t.Condemning.Round(time.Millisecond), t.Settling.Round(time.Millisecond)),
		fmt.Sprintf("%s broken", cluster.Counted(len(s.broken), "promise")),
	}, "\n")
	return s.env.print("%s", text)
}

// newScenarioWorldCommand is the process in which worlds of a sweep run: it reads
// seeds, one a line, and answers each with a line of JSON.
func newScenarioWorldCommand(env *environment) *cobra.Command {
	traces := ""
	cmd := &cobra.Command{Use: "world", Short: "Run worlds of a sweep", Hidden: true, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&traces, "traces", os.TempDir(), "folder for traces")
	lane := laneFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		debug.SetGCPercent(worldGC)
		profiles, err := worldProfiles()
		if err != nil {
			return err
		}
		lines, out := bufio.NewScanner(env.stdin), json.NewEncoder(env.stdout)
		for lines.Scan() {
			seed, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				return fmt.Errorf("a seed is a number: %w", err)
			}
			r, err := liveThrough(sim.Lane(lane.is).Random(seed, profiles), traces)
			if err != nil {
				return err
			}
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return lines.Err()
	}
	return cmd
}

// worldProfiles are the timings that worlds are drawn with. The shorter the beat,
// the more there is to compute, so the fast ones are rarer.
func worldProfiles() ([]sim.Profile, error) {
	var out []sim.Profile
	for _, w := range []struct {
		profile string
		weight  int
	}{{config.ProfileWAN, 44}, {config.ProfileLAN, 4}, {config.ProfileFast, 1}} {
		t, err := config.Derive(w.profile)
		if err != nil {
			return nil, err
		}
		out = append(out, sim.Profile{Times: nodeTimes(t), Weight: w.weight})
	}
	return out, nil
}

// liveThrough runs one world, and looks closer at it if it breaks a promise.
func liveThrough(o sim.Options, traces string) (worldResult, error) {
	first := runWorld(o)
	r := worldResult{Seed: o.Seed, World: o.String(), Broken: first.Violation, Tally: first.Tally}
	if o.Seed%twiceEvery == 0 && first.Violation == nil {
		r.Repeats = true
		if again := runWorld(o); again.Trace != first.Trace {
			r.Broken = &sim.Violation{Promise: "a seed decides everything", What: fmt.Sprintf("two runs end in %x and %x", first.Trace, again.Trace)}
			return r, nil
		}
	}
	if first.Violation == nil {
		return r, nil
	}
	short := sim.Shrink(o, runWorld)
	r.Broken, r.Faults = short.Violation, short.Options.MaxFaults
	r.Trace = filepath.Join(traces, fmt.Sprintf("evenkeel-seed-%d.txt", o.Seed))
	f, err := os.Create(r.Trace)
	if err != nil {
		return r, fmt.Errorf("the trace cannot be written: %w", err)
	}
	_, err = io.WriteString(f, o.String()+"\n"+strings.Join(short.Lines, "\n")+"\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	return r, err
}

// runWorld runs one world, with raft's random numbers drawn by the world: this
// process does nothing else.
func runWorld(o sim.Options) sim.Result {
	w := sim.New(o)
	was := rand.Reader
	rand.Reader = w.Dice()
	defer func() { rand.Reader = was }()
	return w.Run()
}
