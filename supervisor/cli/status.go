// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// watchEvery is the longest time between two pictures of status -w.
	watchEvery = time.Second
	// watchLeast is the shortest, however many events there are.
	watchLeast = 100 * time.Millisecond
)

func newStatusCommand(env *environment) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the cluster, and whether all is well",
		Long: `Show the cluster as this node sees it: the verdict and what is wrong first, then
nodes, rails, balancers, resources and pools. Every state that is not good has
its reason.

Exit code 0 means that all is well; anything else is 1. With -w the picture is
renewed every second and at every event, until Ctrl-C.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on until Ctrl-C")
	form := formatFlag(cmd, formatTable, formatWide, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client := env.client()
		defer client.Close()
		if watch {
			return env.watch(cmd.Context(), client, form)
		}
		view, err := client.Status(cmd.Context())
		if err != nil {
			return err
		}
		if err := env.showStatus(env.stdout, form, view); err != nil {
			return err
		}
		if !well(view, time.Now()) {
			return codeError(exitFailed)
		}
		return nil
	}
	return cmd
}

// showStatus writes the view in the form that was asked for.
func (env *environment) showStatus(w io.Writer, form *format, view cluster.View) error {
	if form.is == formatJSON || form.is == formatYAML {
		return form.encode(w, view)
	}
	_, err := fmt.Fprintln(w, strings.Join(env.newPage(view, form).status(), "\n"))
	return err
}

// watch shows the status again and again. A node that does not answer is shown
// as that: the last picture would look as if it still held.
func (env *environment) watch(ctx context.Context, client *api.Client, form *format) error {
	woken := make(chan struct{}, 1) // one event that was not looked at yet is enough
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { wakeOnEvents(ctx, client, woken) })
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	shown := ""
	for {
		var b strings.Builder
		view, err := client.Status(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintf(&b, "✖ no answer: %v\n", err)
		default:
			if err := env.showStatus(&b, form, view); err != nil {
				return err
			}
		}
		if err := env.redraw(b.String(), &shown); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		case <-woken:
			select {
			case <-ctx.Done():
			case <-time.After(watchLeast):
			}
		}
	}
}

// redraw replaces the picture on a terminal; elsewhere it adds the new one when
// it differs.
func (env *environment) redraw(picture string, shown *string) error {
	at := env.screenOf(env.stdout)
	if !at.tty {
		if picture == *shown {
			return nil
		}
		*shown = picture
		_, err := fmt.Fprintln(env.stdout, picture)
		return err
	}
	lines := strings.Split(strings.TrimRight(picture, "\n"), "\n")
	if hidden := len(lines) - at.height + 1; hidden > 0 {
		lines = append(lines[:max(at.height-2, 0)], fmt.Sprintf("… %d more lines", hidden+1))
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range lines {
		b.WriteString(ansi.Truncate(line, at.width, "…") + "\x1b[0m\x1b[K\r\n")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(env.stdout, b.String())
	return err
}

// wakeOnEvents asks for a new picture at every event. Without the stream there
// is still a picture every watchEvery.
func wakeOnEvents(ctx context.Context, client *api.Client, woken chan<- struct{}) {
	for ctx.Err() == nil {
		// Why the stream broke is told by the status that is asked for meanwhile.
		_ = client.Events(ctx, api.EventsQuery{Follow: true}, func(cluster.Notice) error {
			select {
			case woken <- struct{}{}:
			default:
			}
			return nil
		})
		select {
		case <-ctx.Done():
		case <-time.After(watchEvery):
		}
	}
}
