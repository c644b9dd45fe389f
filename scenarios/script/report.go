// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"time"
)

// Verdict is what became of a step.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Failed  Verdict = "failed"
	NotHere Verdict = "cannot be played here"
	Stopped Verdict = "stopped" // whoever played it stopped it
	CutOff  Verdict = "cut off" // what must never be came to be meanwhile
)

// Result is what became of one step.
type Result struct {
	Line    int           `json:"line"`
	Text    string        `json:"text"`
	Verdict Verdict       `json:"verdict"`
	Seen    string        `json:"seen,omitempty"` // at the last look, or what the world said
	Began   time.Duration `json:"began_ns"`       // since the script began
	Took    time.Duration `json:"took_ns"`
}

// Failure is why a script ended before its last line.
type Failure struct {
	Line    int           `json:"line"`
	Text    string        `json:"text"`
	Verdict Verdict       `json:"verdict"`
	Seen    string        `json:"seen"` // instead of what was wanted
	At      time.Duration `json:"at_ns"`
	During  int           `json:"during,omitempty"` // the line that was played when what must never be came to be
}

// Report is what became of a script.
type Report struct {
	File    string        `json:"file"`
	Promise string        `json:"promise"`
	Cluster Cluster       `json:"cluster"`
	Steps   int           `json:"steps"`   // of the script
	Results []Result      `json:"results"` // of the steps that were played
	Moments []Moment      `json:"moments"`
	Took    time.Duration `json:"took_ns"`
	Failure *Failure      `json:"failure,omitempty"` // nil when the promise was kept
}

// Kept tells whether the script was played to its end and everything was as it wants it.
func (r Report) Kept() bool { return r.Failure == nil }

// String returns the verdict in one line.
func (r Report) String() string {
	if r.Failure == nil {
		return fmt.Sprintf("%s: kept in %s", r.File, formatTime(r.Took.Round(time.Millisecond)))
	}
	return fmt.Sprintf("%s:%s", r.File, r.Failure)
}

// String returns the line, its text, and what was seen instead.
func (f *Failure) String() string {
	at := formatTime(f.At.Round(time.Millisecond))
	switch {
	case f.During > 0:
		return fmt.Sprintf("%d: %s: it was so at %s, while line %d was played: %s", f.Line, f.Text, at, f.During, f.Seen)
	case f.Verdict == Failed:
		return fmt.Sprintf("%d: %s: failed at %s: %s", f.Line, f.Text, at, f.Seen)
	}
	return fmt.Sprintf("%d: %s: %s at %s: %s", f.Line, f.Text, f.Verdict, at, f.Seen)
}
