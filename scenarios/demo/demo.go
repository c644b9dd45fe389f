// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// busyFrom is the lateness of the client from which on the figures are about the machine as well.
const busyFrom = 50 * time.Millisecond

// Run plays the demo and writes its result. It returns when all that it made is removed, also when ctx ends or the process
// is told to stop; then it fails with [ErrInterrupted].
func Run(ctx context.Context, opts Options) error {
	opts, err := opts.checked()
	if err != nil {
		return err
	}
	if err := errMissing(os.Geteuid() == 0); err != nil {
		return err
	}
	ctx, release := untilSignal(ctx)
	defer release()
	story := newNarrator(opts)
	story.progress("  building the cluster …")
	s, err := newStage(ctx, opts, story)
	done := false
	if err == nil {
		done, err = s.perform(ctx)
	}
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		story.progress("")
		s.evidence()
	}
	story.progress("  removing everything …")
	errClose := s.close()
	story.progress("")
	switch {
	case interrupted && done:
		err = nil
	case interrupted:
		err = ErrInterrupted
	}
	if err = errors.Join(err, errClose); err == nil {
		story.line(story.paint(dim, "  Everything that the demo made is removed."))
		err = story.err
	}
	return err
}

// perform plays the acts and writes the result. It says whether all acts were played and told.
func (s *stage) perform(ctx context.Context) (bool, error) {
	acts, err := s.chosen()
	if err != nil {
		return false, err
	}
	s.poster(acts, s.takes(acts))
	s.story.progress("  starting the cluster …")
	begun := time.Now()
	if err := s.start(ctx); err != nil {
		return false, err
	}
	if err := s.fleet.AwaitWell(ctx); err != nil {
		return false, err
	}
	if err := s.startLoad(); err != nil {
		return false, err
	}
	if err := s.awaitAnswers(ctx); err != nil {
		return false, err
	}
	s.story.progress("")
	s.story.line("")
	s.story.line(fmt.Sprintf("  %s the cluster is up: all is well after %.1f s", s.story.paint(good, "✔"), time.Since(begun).Seconds()))
	results, err := s.play(ctx, acts)
	if err != nil {
		return false, err
	}
	if err := s.publish(summarize(results)); err != nil {
		return false, err
	}
	if s.opts.Keep {
		s.endLoad()
		s.farewell()
		<-ctx.Done()
	}
	return true, nil
}

func (s *stage) play(ctx context.Context, acts []act) ([]Result, error) {
	var results []Result
	for run := range s.opts.Runs {
		for i, a := range acts {
			s.curtain(run*len(acts)+i+1, s.opts.Runs*len(acts), a)
			result, err := a.perform(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.title, err)
			}
			results = append(results, result)
		}
	}
	return results, nil
}

// chosen returns the acts that were asked for, as far as they can be played here.
func (s *stage) chosen() ([]act, error) {
	acts := slices.DeleteFunc(allActs(), func(a act) bool {
		unwanted := len(s.opts.Acts) > 0 && !slices.Contains(s.opts.Acts, a.name)
		return unwanted || s.loopback != "" && a.name == ActNode
	})
	if len(acts) == 0 {
		return nil, fmt.Errorf("a node cannot be cut off here: %s", s.loopback)
	}
	return acts, nil
}

// takes says about how long the acts will last.
func (s *stage) takes(acts []act) time.Duration {
	total := time.Duration(0)
	for _, a := range acts {
		if s.opts.NoPeer {
			total += a.alone
		} else {
			total += a.lasts
		}
	}
	return setUpTakes + time.Duration(s.opts.Runs)*total
}

func (s *stage) publish(summaries []summary) error {
	f := facts{
		Timing: s.opts.Timing, Runs: s.opts.Runs, HAProxy: s.version, Namespaces: s.loopback == "", Rate: rate,
		Notes: s.notes(summaries),
	}
	if s.opts.JSON {
		return writeJSON(s.opts.Out, f, summaries)
	}
	s.story.line("")
	return writeTable(s.opts.Out, s.story, f, summaries)
}

// notes say what a reader must know to judge the figures.
func (s *stage) notes(summaries []summary) []string {
	notes := []string{
		"Out on both: from the fault until the second HAProxy stopped sending requests.",
		"Failed: refused, reset, wrong, or no answer in 5 s; 500 new connections/s.",
	}
	if s.opts.Runs > 1 {
		notes = append(notes, fmt.Sprintf("Medians of %d runs.", s.opts.Runs))
	}
	late := time.Duration(0)
	for _, sum := range summaries {
		notes = append(notes, sum.slow()...)
		for _, run := range sum.runs {
			late = max(late, run.Kept.Late)
		}
	}
	if late > busyFrom {
		notes = append(notes, fmt.Sprintf("This machine was busy: the client itself sent requests up to %s late.", span(milliseconds(late))))
	}
	if !s.opts.NoPeer {
		notes = append(notes,
			"HAProxy alone: default checks (inter 2s fall 3), not told of the planned work.",
			"Its checks can be tuned to notice sooner; what they cannot do is agree.")
	}
	if s.loopback != "" {
		notes = append(notes, "Left out: cutting a node off the network, since "+s.loopback+".")
	}
	return notes
}

// slow says how many answers took long, if any did.
func (s summary) slow() []string {
	most, text := s.kept.slow.Median, grouped(s.kept.slow.Median)+" answers took longer than 0.5 s"
	if s.peer != nil {
		most = max(most, s.peer.slow.Median)
		text += ", " + grouped(s.peer.slow.Median) + " by HAProxy alone"
	}
	if most == 0 {
		return nil
	}
	return []string{label(s.act) + ": " + text + "."}
}
