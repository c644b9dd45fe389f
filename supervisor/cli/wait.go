// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// lookEvery is the time between two looks at what is waited for.
	lookEvery = 300 * time.Millisecond
	// looksNeeded is how many looks in a row must find the same end. What other nodes
	// report is a heartbeat old, and may still be about the time before the command.
	looksNeeded = 2
	// waitMost is how long --wait waits unless told otherwise.
	waitMost = 10 * time.Minute
)

const (
	follow = "follow it with: evenkeel status -w"
	goesOn = "it goes on; " + follow
)

// waitFlags are the flags of verbs that can wait for what they ask.
type waitFlags struct {
	on   bool
	most time.Duration
}

// add adds the flags to a verb that waits until the given thing is so.
func (w *waitFlags) add(cmd *cobra.Command, until string) {
	cmd.Flags().BoolVar(&w.on, "wait", false, "wait until "+until+"; Ctrl-C stops the waiting only")
	cmd.Flags().DurationVar(&w.most, "timeout", waitMost, "longest time to wait; 0s is for ever")
}

// errand is something that was asked for and takes its time.
type errand struct {
	title string                  // what it is about, such as web/n3, node n3 or vip
	verb  string                  // what was asked, such as drain
	hint  string                  // what to do when it comes to nothing
	look  func(cluster.View) look // what one view says about it
}

// end is how an errand stands.
type end int

// The ends.
const (
	goesYet end = iota // it has not come to its end, as far as is known
	isDone
	isLost // it will never be done
)

// look is what one view says about an errand.
type look struct {
	end  end
	says string // what is missing, how it was done, or why it never will be; empty = the view knows nothing of it yet
}

// unfounded tells why nothing in the view is sure: without a quorum others may have decided what this node does not know.
func unfounded(view cluster.View) string {
	if view.Quorum.Holds {
		return ""
	}
	return orWords(view.Quorum.Reason, "this node has no quorum") + ": nothing is changed until it is back"
}

// superseded is what a wait ends with that is about nothing any more.
func superseded(verb string) look {
	return look{isLost, "somebody asked for something else meanwhile, so there is no more waiting for " + verb}
}

// await looks at the cluster until the errand has come to its end. It says how
// to go on when it gives up; what was asked stays asked.
func (env *environment) await(ctx context.Context, client *api.Client, e errand, most time.Duration) error {
	begin := time.Now()
	show := env.newProgress()
	defer show.end()
	inRow, is, still := 0, goesYet, "no answer yet"
	for {
		view, err := client.Status(ctx)
		now := look{}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			now.says = "no answer: " + err.Error()
		default:
			now = e.look(view)
		}
		if now.end != is {
			inRow, is = 0, now.end
		}
		if inRow++; is != goesYet && inRow >= looksNeeded {
			show.end()
			return env.finish(e, now, span(time.Since(begin)))
		}
		if is == goesYet && now.says != "" {
			still = now.says
			show.update(e.title+": "+still, span(time.Since(begin)))
		}
		pause := lookEvery
		if most > 0 {
			if pause = min(pause, most-time.Since(begin)); pause <= 0 {
				show.end()
				return hintedError{fmt.Errorf("%s: %s is not done after %s: %s", e.title, e.verb, most, still), goesOn}
			}
		}
		select {
		case <-ctx.Done():
			show.end()
			return hintedError{errors.New(e.title + ": detached; " + e.verb + " goes on"), follow}
		case <-time.After(pause):
		}
	}
}

// finish tells how an errand ended.
func (env *environment) finish(e errand, last look, after string) error {
	if last.end == isLost {
		return hintedError{fmt.Errorf("%s: %s", e.title, last.says), e.hint}
	}
	return env.print("%s: %s done%s, after %s", e.title, e.verb, last.says, after)
}

func orWords(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
