// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"
)

// linesKept bounds the trace as text; older lines are given up.
const linesKept = 100_000

// trace is what happened: as a number that two runs of one seed have in common, and, if it is asked for, as text.
type trace struct {
	sum     uint64
	events  uint64
	verbose bool
	lines   []string
}

// mix folds a number into the sum (FNV-1a, by words).
func (t *trace) mix(n uint64) { t.sum = (t.sum ^ n) * 1099511628211 }

func (t *trace) text(s string) {
	for i := range len(s) {
		t.mix(uint64(s[i]))
	}
}

// count notes that an event happened.
func (t *trace) count(e event) {
	t.events++
	t.mix(uint64(e.at))
	t.mix(uint64(e.what))
	if e.to != nil {
		t.mix(uint64(e.to.index))
	}
}

// say notes something in words.
func (w *World) say(who, what string) {
	w.trace.text(who)
	w.trace.text(what)
	if !w.trace.verbose {
		return
	}
	if len(w.trace.lines) == linesKept {
		w.trace.lines = w.trace.lines[linesKept/2:]
	}
	w.trace.lines = append(w.trace.lines, fmt.Sprintf("%10.3f  %-5s %s", w.now.Seconds(), who, what))
}

// Violation is a promise that was broken.
type Violation struct {
	Promise string        `json:"promise"`
	What    string        `json:"what"`
	At      time.Duration `json:"at"`
}

// String tells it in a line.
func (v *Violation) String() string {
	return fmt.Sprintf("after %.3f s: %s: %s", v.At.Seconds(), v.Promise, v.What)
}

// violate notes that a promise is broken; only the first counts.
func (w *World) violate(promise, format string, args ...any) {
	if w.broken != nil {
		return
	}
	w.broken = &Violation{Promise: promise, What: fmt.Sprintf(format, args...), At: w.now}
	w.say("CHECK", "BROKEN: "+w.broken.Promise+": "+w.broken.What)
}
