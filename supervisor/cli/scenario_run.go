// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/scenarios/stage"
	"github.com/evenkeel-ha/evenkeel/scenarios/timeline"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

// played is what became of one script in one world.
type played struct {
	World string `json:"world"`
	Seed  uint64 `json:"seed,omitempty"` // of the simulator
	Kept  bool   `json:"kept"`
	Error string `json:"error,omitempty"` // why it could not begin
	script.Report
}

// player plays scripts as the flags say.
type player struct {
	env   *environment
	world string
	seed  uint64
	times int
	svg   string
	form  *format
	quiet bool // several scripts: a line for each
}

func newScenarioRunCommand(env *environment) *cobra.Command {
	p := &player{env: env}
	cmd := &cobra.Command{
		Use:   "run [SCENARIO...]",
		Short: "Play scenarios; all that come with the binary, if none is named",
		Long: `Play scenarios and say whether their promises were kept. With one scenario, each
step is told as it happens, and at the end what happened when and why; with
several, each gets a line, and those whose promise was broken a timeline.

In the simulator the seed decides everything: the same seed is the same play.
Without --world a scenario is played in the simulator, where it can be.`,
		Example: `  evenkeel scenario run balance/dead-node-is-drained
  evenkeel scenario run balance/dead-node-is-drained --world lab --svg dead-node.svg
  evenkeel scenario run --world sim --times 20 -o json`,
		ValidArgsFunction: completeScenario,
	}
	flags := cmd.Flags()
	flags.StringVar(&p.world, "world", "", "sim or lab (default: sim, where the scenario can be played there)")
	flags.Uint64Var(&p.seed, "seed", 1, "first seed of the simulator; each further time takes the next")
	flags.IntVar(&p.times, "times", 1, "how often each scenario is played")
	flags.StringVar(&p.svg, "svg", "", "write the timeline as a picture to this file (one scenario)")
	p.form = formatFlag(cmd, formatTable, formatJSON)
	if err := cmd.RegisterFlagCompletionFunc("world", cobra.FixedCompletions([]string{"sim", "lab"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if p.world != "" && p.world != string(script.Sim) && p.world != string(script.Lab) {
			return usageError{fmt.Sprintf("--world %s: write sim or lab", p.world)}
		}
		if p.times < 1 {
			return usageError{"--times: write 1 or more"}
		}
		all, err := loadScripts(args)
		if err != nil {
			return err
		}
		if p.svg != "" && len(all)*p.times != 1 {
			return usageError{"--svg is for one scenario, played once"}
		}
		p.quiet = len(all)*p.times > 1
		return p.playAll(cmd.Context(), all)
	}
	return cmd
}

// playAll plays the scripts one after the other.
func (p *player) playAll(ctx context.Context, all []*script.Script) error {
	results, broken, left := []played{}, 0, 0
	for _, s := range all {
		world := p.worldOf(s)
		if !slices.Contains(s.Worlds, world) {
			left++
			p.say("%s is left out: it is not for the %s", s.File, world)
			continue
		}
		for i := range p.times {
			r := p.play(ctx, s, world, p.seed+uint64(i))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !r.Kept {
				broken++
			}
			results = append(results, r)
			if err := p.show(r); err != nil {
				return err
			}
		}
	}
	if p.form.is == formatJSON {
		if err := p.form.encode(p.env.stdout, results); err != nil {
			return err
		}
	} else if p.quiet {
		text := fmt.Sprintf("%s kept, %d broken", cluster.Counted(len(results)-broken, "promise"), broken)
		if left > 0 {
			text += fmt.Sprintf(", %s left out", cluster.Counted(left, "scenario"))
		}
		if err := p.env.print("%s", text); err != nil {
			return err
		}
	}
	if broken > 0 {
		return codeError(exitFailed)
	}
	return nil
}

func (p *player) worldOf(s *script.Script) script.World {
	if p.world != "" {
		return script.World(p.world)
	}
	return s.Worlds[0]
}

// say tells the person who waits, beside the result.
func (p *player) say(format string, args ...any) {
	if p.form.is == formatJSON {
		p.env.say(format, args...)
		return
	}
	_ = p.env.print(format, args...) // a terminal that is gone needs no words
}

func (p *player) play(ctx context.Context, s *script.Script, world script.World, seed uint64) played {
	out := played{World: string(world)}
	var on script.Stage
	var done func() error
	var err error
	if world == script.Sim {
		out.Seed = seed
		on, done, err = simStage(s, seed)
	} else {
		on, done, err = p.labStage(ctx, s)
	}
	if err != nil {
		out.Error, out.File, out.Promise = err.Error(), s.File, s.Promise
		return out
	}
	if !p.quiet {
		p.say("%s\n%s, in the %s", s.Promise, s.Cluster, world)
	}
	out.Report = script.Play(ctx, s, on, p.progress())
	out.Kept = out.Report.Kept()
	if err := done(); err != nil {
		p.env.say("%s: %v", s.File, err)
	}
	return out
}

// simStage makes a world of the simulator. Raft draws from what it is given here
// instead of the machine's randomness: this process does nothing else.
func simStage(s *script.Script, seed uint64) (script.Stage, func() error, error) {
	timing, err := config.Derive(orDefault(s.Cluster.Timing, config.DefaultTiming))
	if err != nil {
		return nil, nil, err
	}
	on := sim.NewStage(s.Cluster, seed, nodeTimes(timing))
	was := rand.Reader
	rand.Reader = on.Dice()
	return on, func() error {
		rand.Reader = was
		return nil
	}, nil
}

func (p *player) labStage(ctx context.Context, s *script.Script) (script.Stage, func() error, error) {
	opts := stage.Options{Cluster: s.Cluster}
	if !p.quiet {
		opts.Progress = func(line string) { p.say("  %s", line) }
	}
	on, err := stage.Open(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	return on, on.Close, nil
}

// progress tells each step as it is played.
func (p *player) progress() func(script.Step, script.Result) {
	if p.quiet {
		return nil
	}
	style := p.env.screenOf(p.env.stdout).palette()
	return func(_ script.Step, r script.Result) {
		mark := style.good.Render("✓")
		if r.Verdict != script.OK {
			mark = style.bad.Render("✗")
		}
		line := fmt.Sprintf("%8s  %s %s", r.Began.Round(time.Millisecond), mark, r.Text)
		if r.Took >= time.Millisecond {
			line += style.dim.Render(fmt.Sprintf(" (%s)", r.Took.Round(time.Millisecond)))
		}
		if r.Verdict != script.OK && r.Seen != "" {
			line += ": " + r.Seen
		}
		p.say("%s", line)
	}
}

// show tells what became of a script.
func (p *player) show(r played) error {
	if p.svg != "" && r.Error == "" {
		if err := os.WriteFile(p.svg, timeline.SVG(r.Report), 0o644); err != nil { //nolint:gosec // a picture is for everybody
			return fmt.Errorf("the picture cannot be written: %w", err)
		}
	}
	if p.form.is == formatJSON {
		return nil
	}
	style := p.env.screenOf(p.env.stdout).palette()
	switch {
	case r.Error != "":
		return p.env.print("%s %s (%s): it could not begin: %s", style.bad.Render("✗"), r.File, r.World, r.Error)
	case p.quiet && r.Kept:
		return p.env.print("%s %s (%s, %s)", style.good.Render("✓"), r.File, r.where(), r.Took.Round(time.Millisecond))
	}
	mark := style.good.Render("✓")
	if !r.Kept {
		mark = style.bad.Render("✗")
	}
	return errors.Join(
		p.env.print("\n%s", timeline.Text(r.Report)),
		p.env.print("%s %s (%s)", mark, r.Report, r.where()),
	)
}

func (r played) where() string {
	if r.World == string(script.Sim) {
		return fmt.Sprintf("sim, seed %d", r.Seed)
	}
	return r.World
}
