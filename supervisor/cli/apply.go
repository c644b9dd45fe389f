// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

const (
	// applyMost is how long apply waits for the nodes unless told otherwise.
	applyMost = 30 * time.Second
	// fileMax is the largest cluster file that is read from stdin, in bytes.
	fileMax = 1 << 20
)

// applying is the apply verb with its flags.
type applying struct {
	env    *environment
	client *api.Client
	file   string
	dryRun bool
	yes    bool
	most   time.Duration
}

func newApplyCommand(env *environment) *cobra.Command {
	a := &applying{env: env}
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Put a cluster file in force",
		Long: `Put a cluster file in force on every node: check it, show what changes, ask,
commit it, and wait until every node that is alive runs it.

Nothing is changed when somebody else changed the file in between. Ctrl-C while
waiting stops the waiting only.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.client = env.client()
			defer a.client.Close()
			return a.run(cmd.Context())
		},
	}
	fileFlag(cmd, &a.file)
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "show what would change, and stop")
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	cmd.Flags().DurationVar(&a.most, "timeout", applyMost, "longest time to wait for the nodes; 0s does not wait")
	return cmd
}

// fileFlag adds the required -f.
func fileFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "file", "f", "", "cluster file; - is stdin")
	if err := errors.Join(cmd.MarkFlagRequired("file"), cmd.MarkFlagFilename("file", "yaml", "yml", "json")); err != nil {
		panic(err) // the flag was added a line above
	}
}

// readSpec reads and checks a cluster file.
func (env *environment) readSpec(path string) (cluster.Spec, error) {
	if path != "-" {
		return config.LoadCluster(path)
	}
	data, err := io.ReadAll(io.LimitReader(env.stdin, fileMax+1))
	if err != nil {
		return cluster.Spec{}, fmt.Errorf("read stdin: %w", err)
	}
	if len(data) > fileMax {
		return cluster.Spec{}, fmt.Errorf("stdin has more than %d bytes", fileMax)
	}
	return config.ParseCluster("stdin", data)
}

func (a *applying) run(ctx context.Context) error {
	wanted, err := a.env.readSpec(a.file)
	if err != nil {
		return err
	}
	current, err := a.client.Spec(ctx)
	if err != nil {
		return err
	}
	plan, err := a.client.Apply(ctx, api.ApplyRequest{Spec: wanted, DryRun: true})
	if err != nil {
		return err
	}
	if len(plan.Problems) > 0 {
		// This version found no fault, so the node's version differs.
		return fmt.Errorf("the node finds fault with the file: %s", plan.Problems[0])
	}
	if len(plan.Changes) == 0 && current.Revision > 0 {
		return a.env.print("nothing to change: revision %d is this file", current.Revision)
	}
	if err := a.env.printChanges(plan.Changes); err != nil {
		return err
	}
	if a.dryRun {
		return a.env.print("%s would change, revision %d would become %d; nothing was changed", count(len(plan.Changes), "thing"), current.Revision, current.Revision+1)
	}
	if !a.yes {
		question := fmt.Sprintf("Change %s of cluster %s, revision %d?", count(len(plan.Changes), "thing"), wanted.Cluster, current.Revision)
		yes, err := a.env.confirm(ctx, question)
		if err != nil {
			return err
		}
		if !yes {
			return errors.Join(a.env.print("nothing was changed"), codeError(exitFailed))
		}
	}
	done, err := a.client.Apply(ctx, api.ApplyRequest{Spec: wanted, IfRevision: &current.Revision})
	if err != nil {
		return err
	}
	if err := a.env.print("accepted as revision %d", done.Revision); err != nil || a.most == 0 {
		return err
	}
	return a.await(ctx, done.Revision)
}

// printChanges prints one change a line: + added, - removed, ~ changed.
func (env *environment) printChanges(changes []cluster.Change) error {
	style := env.screenOf(env.stdout).palette()
	for _, c := range changes {
		line := clean(c.String())
		var as lipgloss.Style
		switch line[0] {
		case '+':
			as = style.good
		case '-':
			as = style.bad
		default:
			as = style.warn
		}
		if err := env.print("%s", as.Render(line)); err != nil {
			return err
		}
	}
	return nil
}

// await waits until every node that is alive runs the revision.
func (a *applying) await(ctx context.Context, revision uint64) error {
	begin := time.Now()
	show := a.env.newProgress()
	defer show.end()
	last := rollout{lag: []string{"no answer yet"}}
	for {
		view, err := a.client.Status(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			last.lag = []string{"no answer: " + err.Error()}
		default:
			last = rolloutOf(view, revision)
		}
		if len(last.lag) == 0 {
			show.end()
			return a.finish(last, revision)
		}
		show.update(fmt.Sprintf("%d of %d nodes run revision %d; waiting for %s", last.run, last.run+len(last.lag), revision, strings.Join(last.lag, ", ")), span(time.Since(begin)))
		pause := min(lookEvery, a.most-time.Since(begin))
		if pause <= 0 {
			show.end()
			return hintedError{fmt.Errorf("revision %d is accepted, and after %s it does not run everywhere: %s", revision, a.most, strings.Join(last.lag, ", ")), goesOn}
		}
		select {
		case <-ctx.Done():
			show.end()
			return hintedError{fmt.Errorf("detached; revision %d is accepted and goes to the nodes", revision), follow}
		case <-time.After(pause):
		}
	}
}

func (a *applying) finish(r rollout, revision uint64) error {
	err := a.env.print("every node that is alive runs revision %d: %d of %d", revision, r.run, r.run+len(r.away))
	if len(r.away) > 0 {
		err = errors.Join(err, a.env.print("the others take it over when they are back: %s", strings.Join(r.away, ", ")))
	}
	return err
}

// rollout tells which nodes run a revision.
type rollout struct {
	run  int
	lag  []string // alive, and run another one
	away []string // not alive
}

func rolloutOf(view cluster.View, revision uint64) rollout {
	var r rollout
	for _, n := range view.Nodes {
		switch {
		case n.Life != string(cluster.LifeAlive) && n.Life != "suspect":
			r.away = append(r.away, fmt.Sprintf("%s (%s)", clean(string(n.Name)), clean(n.Life)))
		case n.Revision < revision:
			r.lag = append(r.lag, fmt.Sprintf("%s (%s, revision %d)", clean(string(n.Name)), clean(n.Life), n.Revision))
		default:
			r.run++
		}
	}
	if view.Revision < revision && len(r.lag) == 0 {
		r.lag = append(r.lag, fmt.Sprintf("%s (revision %d)", clean(string(view.Node)), view.Revision))
	}
	return r
}
