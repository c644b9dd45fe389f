// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// faultsShown is how many faults an error prints; the rest are counted.
const faultsShown = 50

// valueShown is how much of a faulty value is printed, in characters.
const valueShown = 60

// Fault is one thing that is wrong, and what would be right.
type Fault struct {
	File   string `json:"file,omitempty"`   // the file, if the fault is in one
	Line   int    `json:"line,omitempty"`   // counted from 1; 0 = not known
	Column int    `json:"column,omitempty"` // counted from 1, in characters; 0 = not known
	Source string `json:"source,omitempty"` // the variable or flag, if the fault is in one: EVENKEEL_TIMING, --timing
	Key    string `json:"key,omitempty"`    // such as pools[0].members[1].port
	Value  string `json:"value,omitempty"`  // what stands there
	Want   string `json:"want"`             // what would be right
	Cause  error  `json:"-"`                // of a file that cannot be read
}

// String tells the fault in one line: place: key: "value": what would be right.
func (f Fault) String() string {
	var parts []string
	for _, p := range []string{f.place(), f.Key, quote(f.Value), f.Want} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// place tells where the fault is, in the form that editors and terminals
// follow by a click: file:line:column.
func (f Fault) place() string {
	switch {
	case strings.HasPrefix(f.Source, "--"):
		return "flag " + f.Source
	case f.Source != "":
		return "environment " + f.Source
	case f.Line == 0:
		return f.File
	case f.Column == 0:
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// quote prints a value on one line, safe for terminals, and not longer than is
// needed to find it again.
func quote(s string) string {
	if s == "" {
		return ""
	}
	if r := []rune(s); len(r) > valueShown {
		s = string(r[:valueShown]) + "…"
	}
	return strconv.Quote(s)
}

// Error is everything that is wrong with what was read.
type Error struct {
	Faults []Fault // at least one, in the order of the file
}

// Error prints one fault a line.
func (e *Error) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0].String()
	}
	lines := []string{fmt.Sprintf("%d faults:", len(e.Faults))}
	for i, f := range e.Faults {
		if i == faultsShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Faults)-faultsShown))
			break
		}
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n  ")
}

// Unwrap returns the causes, so that errors.Is finds fs.ErrNotExist.
func (e *Error) Unwrap() []error {
	var out []error
	for _, f := range e.Faults {
		if f.Cause != nil {
			out = append(out, f.Cause)
		}
	}
	return out
}

// asError returns the faults as an error in the order of the file, those
// without a line after the others, or nil when there are none.
func asError(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		switch {
		case a.Line == 0 || b.Line == 0:
			return b.Line - a.Line
		case a.Line != b.Line:
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return &Error{Faults: faults}
}
