// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"strings"
)

// ParseError is one thing that is wrong with the text of a script.
type ParseError struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // in characters, from 1
	Word   string `json:"word"`   // the word it is about; empty where one is missing
	Wrong  string `json:"wrong"`  // what is wrong, and what would be right
}

// Error returns "file:line:column: what is wrong".
func (m ParseError) Error() string {
	at := fmt.Sprintf("%s:%d:%d: ", m.File, m.Line, m.Column)
	if m.Word == "" {
		return at + m.Wrong
	}
	return fmt.Sprintf("%s%q: %s", at, m.Word, m.Wrong)
}

// ParseErrors is why a text is no script: what is wrong with it, in the order of its lines.
type ParseErrors []ParseError

// Error returns one line for each mistake.
func (ms ParseErrors) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each mistake by itself.
func (ms ParseErrors) Unwrap() []error {
	out := make([]error, len(ms))
	for i, m := range ms {
		out[i] = m
	}
	return out
}
