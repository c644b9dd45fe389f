// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
)

// replayed is what replay comes to, for programs.
type replayed struct {
	Node      string    `json:"node"`
	Same      bool      `json:"same"`
	Steps     uint64    `json:"steps"`
	Processes int       `json:"processes"`
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Error     string    `json:"error,omitempty"`
}

// replay is what the verb was asked for.
type replay struct {
	env      *environment
	form     *format
	node     string
	from, to string
	check    bool
	span     recorder.Span
	result   replayed
}

func newReplayCommand(env *environment) *cobra.Command {
	r := &replay{env: env}
	cmd := &cobra.Command{
		Use:   "replay [FILE|DIR]",
		Short: "Decide again what a node decided, from its flight recording",
		Long: `Give what the flight recorder of a node has kept to a fresh core, and show what
it decides and why: votes, proposals, what was committed, who leads, whether a
majority stands behind the node, and what its balancers are to do. Every step is
compared with what the node decided then, bit for bit.

Without an argument the recording of this node is taken (data_dir/flight); a
recording of another machine is a copy of that folder. Nothing here reaches a
running node. A time is written as events shows it, 2026-03-01 14:05:00, or as
2026-03-01T14:05:00Z, or as how long ago it is: 10m.`,
		Example: `  evenkeel replay --from 10m
  evenkeel replay /tmp/incident/flight --from "2026-03-01 14:05:00" --to "2026-03-01 14:06:00"
  evenkeel replay flight --check`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&r.from, "from", "", "show what was decided from this time on")
	flags.StringVar(&r.to, "to", "", "end at this time")
	flags.StringVar(&r.node, "node", "", "node, where recordings of several lie together")
	flags.BoolVar(&r.check, "check", false, "show nothing but whether the decisions are the same")
	r.form = formatFlag(cmd, formatTable, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := r.times(time.Now()); err != nil {
			return err
		}
		found, err := r.find(args)
		if err != nil {
			return err
		}
		return r.run(cmd.Context(), found)
	}
	return cmd
}

func (r *replay) times(now time.Time) error {
	for _, t := range []struct {
		flag, text string
		at         *time.Time
	}{{"--from", r.from, &r.span.From}, {"--to", r.to, &r.span.To}} {
		if t.text == "" {
			continue
		}
		at, ok := timeOf(t.text, now)
		if !ok {
			return usageError{fmt.Sprintf("%s %q: write a time such as %q or 2026-03-01T14:05:00Z, or how long ago, such as 10m", t.flag, t.text, "2026-03-01 14:05:00")}
		}
		*t.at = at
	}
	if !r.span.To.IsZero() && r.span.To.Before(r.span.From) {
		return usageError{"--to is before --from"}
	}
	return nil
}

// timeOf reads a time as people write it.
func timeOf(text string, now time.Time) (time.Time, bool) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), true
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, true
	}
	at, err := time.ParseInLocation(time.DateTime, text, time.Local)
	return at, err == nil
}

// find returns the recordings of the one node that is asked for, in their order.
func (r *replay) find(args []string) ([]recorder.Recording, error) {
	var path string
	if len(args) == 1 {
		path = args[0]
	} else {
		cfg, err := config.LoadNode(nodeFile(), nil, nil)
		if err != nil {
			return nil, err
		}
		path = flightDir(cfg.DataDir)
	}
	found, err := recorder.Find(path)
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, f := range found {
		nodes = append(nodes, f.Node)
	}
	nodes = slices.Compact(nodes) // they come in order
	switch {
	case r.node == "" && len(nodes) > 1:
		return nil, fmt.Errorf("there are recordings of %s; choose one with --node", strings.Join(nodes, ", "))
	case r.node == "":
		r.node = nodes[0]
	case !slices.Contains(nodes, r.node):
		return nil, fmt.Errorf("there is no recording of node %s, but of %s", r.node, strings.Join(nodes, ", "))
	}
	return slices.DeleteFunc(found, func(f recorder.Recording) bool { return f.Node != r.node }), nil
}

func (r *replay) run(ctx context.Context, found []recorder.Recording) error {
	r.result = replayed{Node: r.node, Same: true}
	for i, rec := range found {
		var next time.Time
		if i+1 < len(found) {
			next = found[i+1].Since()
		}
		if !rec.Between(r.span.From, r.span.To, next) {
			continue
		}
		if err := r.one(ctx, rec); err != nil {
			return r.failed(err)
		}
	}
	if r.result.Steps == 0 {
		return hintedError{
			errors.New("nothing was recorded at that time"),
			fmt.Sprintf("the recordings of %s begin at %s", r.node, found[0].Since().Local().Format(whenLayout)),
		}
	}
	if r.form.is == formatJSON {
		return json.NewEncoder(r.env.stdout).Encode(r.result)
	}
	return r.env.print("%s of %s replayed, from %s to %s: the same decisions", grouped(r.result.Steps, "step"),
		grouped(uint64(r.result.Processes), "process"), r.result.Since.Local().Format(whenLayout), r.result.Until.Local().Format(whenLayout))
}

// failed tells programs why the replay ended, and returns what people are told.
func (r *replay) failed(err error) error {
	_, differs := errors.AsType[*recorder.DifferenceError](err)
	gap, crosses := errors.AsType[*recorder.GapError](err)
	if r.form.is == formatJSON {
		r.result.Same, r.result.Error = !differs, err.Error()
		err = errors.Join(err, json.NewEncoder(r.env.stdout).Encode(r.result))
	}
	switch {
	case crosses:
		return hintedError{err, fmt.Sprintf("go on behind it with --from %s", gap.Until.UTC().Format(time.RFC3339Nano))}
	case differs:
		return hintedError{err, fmt.Sprintf("%s were the same until then; this is a bug, or another version: the recording and `evenkeel version` tell more", grouped(r.result.Steps, "step"))}
	}
	return err
}

// one replays what one process recorded.
func (r *replay) one(ctx context.Context, rec recorder.Recording) error {
	show := r.env.noticePrinter(r.form)
	teller := recorder.NewTeller(rec.Node)
	if err := r.title(rec); err != nil {
		return err
	}
	var wrong error
	sum, err := recorder.Replay(ctx, rec, r.span, func(m recorder.Moment) error {
		notices := teller.Tell(m)
		if r.check || m.At.Before(r.span.From) {
			return nil
		}
		for _, n := range notices {
			if r.form.is == formatTable {
				n.Node = "" // all of them are of the one node
			}
			wrong = errors.Join(wrong, show(n))
		}
		return wrong
	})
	r.result.Steps += sum.Steps
	r.result.Processes++
	if r.result.Since.IsZero() {
		r.result.Since = sum.Since.Round(0)
	}
	if r.result.Until = sum.Until.Round(0); sum.Torn && err == nil {
		r.env.say("the recording breaks off at %s: the process was killed, or it still runs", sum.Until.Local().Format(whenLayout))
	}
	return err
}

// title tells which process it was.
func (r *replay) title(rec recorder.Recording) error {
	if r.check || r.form.is == formatJSON {
		return nil
	}
	return r.env.print("node %s, version %s, process of %s", clean(rec.Node), clean(rec.Version), rec.Start.Local().Format(whenLayout))
}

// grouped says how many, such as 12,345 steps.
func grouped(n uint64, what string) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	switch {
	case n == 1:
		return digits + " " + what
	case strings.HasSuffix(what, "s"):
		return digits + " " + what + "es"
	}
	return digits + " " + what + "s"
}
