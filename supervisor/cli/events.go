// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// whenLayout is how the time of an event is printed, in the user's time zone.
const whenLayout = "2006-01-02 15:04:05.000"

// againEvery is the time between two attempts to get a lost event stream back.
const againEvery = time.Second

func newEventsCommand(env *environment) *cobra.Command {
	var query api.EventsQuery
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened, and with -f what happens",
		Long: `Show what the cluster has decided: what, why, by whose votes, and when. With -f
go on with what happens, also with what this node notices by itself, until
Ctrl-C; a stream that breaks is taken up again where it ended.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVarP(&query.Follow, "follow", "f", false, "go on until Ctrl-C")
	cmd.Flags().Uint64Var(&query.Since, "since", 0, "only what came after the event with this index")
	form := formatFlag(cmd, formatTable, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client := env.client()
		defer client.Close()
		show := env.noticePrinter(form)
		each := func(n cluster.Notice) error {
			query.Since = max(query.Since, n.Index)
			return show(n)
		}
		if !query.Follow {
			return client.Events(cmd.Context(), query, each)
		}
		return env.followEvents(cmd.Context(), client, &query, each)
	}
	return cmd
}

// followEvents takes the stream up again as long as the node may come back: a
// refusal ends it, and so does a node that is not there at the beginning.
func (env *environment) followEvents(ctx context.Context, client *api.Client, query *api.EventsQuery, each func(cluster.Notice) error) error {
	if _, err := client.Version(ctx); err != nil {
		return err
	}
	told := ""
	for {
		err := client.Events(ctx, *query, func(n cluster.Notice) error {
			told = ""
			return each(n)
		})
		var lost *api.Error
		if err == nil || !errors.As(err, &lost) || lost.Status >= http.StatusBadRequest && lost.Status < http.StatusInternalServerError {
			return err
		}
		if told != err.Error() {
			told = err.Error()
			env.say("%s; trying again every %s", told, againEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(againEvery):
		}
	}
}

// noticePrinter returns what prints one event.
func (env *environment) noticePrinter(form *format) func(cluster.Notice) error {
	if form.is == formatJSON {
		enc := json.NewEncoder(env.stdout)
		return func(n cluster.Notice) error { return enc.Encode(n) }
	}
	at := env.screenOf(env.stdout)
	style := at.palette()
	return func(n cluster.Notice) error {
		when := time.UnixMilli(n.At).Format(whenLayout)
		margin := len(when) + columnGap
		lines := wrap(noticeLine(n), at.width-margin, at)
		return env.print("%s  %s", style.dim.Render(when), strings.Join(lines, "\n"+strings.Repeat(" ", margin)))
	}
}

// noticeLine tells an event in one line.
func noticeLine(n cluster.Notice) string {
	var b strings.Builder
	if n.Index > 0 {
		fmt.Fprintf(&b, "#%d ", n.Index)
	}
	fmt.Fprintf(&b, "%s %s", n.Kind, n.Subject)
	if what := changed(n.Event); what != "" {
		fmt.Fprintf(&b, ": %s", what)
	}
	if n.Reason != "" {
		fmt.Fprintf(&b, ": %s", n.Reason)
	}
	var who []string
	if n.By != "" && n.Reason != "asked by "+n.By {
		who = append(who, "by "+n.By)
	}
	if n.Node != "" {
		who = append(who, "seen by "+string(n.Node))
	}
	if n.Epoch > 0 {
		who = append(who, fmt.Sprintf("epoch %d", n.Epoch))
	}
	if len(who) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(who, ", "))
	}
	return clean(b.String())
}

// changed tells what was before an event and what is after it.
func changed(e cluster.Event) string {
	const nobody = "nobody"
	switch e.Kind {
	case cluster.EventResource:
		return strings.TrimSpace(e.To + " " + e.From) // a verb, and the node that it names
	case cluster.EventGiven:
		return orWords(e.From, nobody) + " -> " + e.To
	case cluster.EventRecalled:
		return e.From + " -> " + orWords(e.To, "whoever is best")
	case cluster.EventLetGo:
		return e.From + " -> " + nobody
	}
	if e.From != "" && e.To != "" {
		return e.From + " -> " + e.To
	}
	return e.To
}
