// SPDX-License-Identifier: Apache-2.0

package script

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a script.
const (
	// BytesMost is the longest script, in bytes.
	BytesMost = 256 << 10
	// LineMost is the longest line, in bytes.
	LineMost = 500
	// StepsMost is the most steps.
	StepsMost = 500
	// MistakesMost is how many mistakes are told.
	MistakesMost = 20
)

// Parse reads a script. What is wrong with it is returned as [ParseErrors], of which there is at least one.
func Parse(name string, text []byte) (*Script, error) {
	p := &parser{script: Script{File: name}, headers: map[string]int{}}
	switch {
	case len(text) > BytesMost:
		p.wrong(1, token{column: 1}, fmt.Sprintf("the file has %d bytes, at most %d are read", len(text), BytesMost))
	case !utf8.Valid(text):
		p.wrong(1+lineOfBroken(text), token{column: 1}, "this is no UTF-8 text")
	default:
		p.lines(string(text))
	}
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b ParseError) int { return cmp.Compare(a.Line, b.Line) }) // some are found later
		return nil, p.mistakes
	}
	return &p.script, nil
}

// lineOfBroken counts the lines above the first byte that is no UTF-8.
func lineOfBroken(text []byte) int {
	line := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		text = text[size:]
	}
	return line
}

// parser reads one script.
type parser struct {
	script   Script
	ground   grounds
	headers  map[string]int // where the lines of the header stand, by their first word
	later    []later        // lines of the header that are read when the cluster is known
	stepped  bool           // a step was read: the header is over
	at       []token        // the first word of each step
	mistakes ParseErrors
}

// wrong tells of a mistake, unless enough were told.
func (p *parser) wrong(line int, at token, what string) {
	if len(p.mistakes) < MistakesMost {
		p.mistakes = append(p.mistakes, ParseError{File: p.script.File, Line: line, Column: at.column, Word: at.text, Wrong: what})
	}
}

func (p *parser) lines(text string) {
	lines := strings.Split(text, "\n")
	for i, raw := range lines {
		if len(p.mistakes) == MistakesMost {
			return
		}
		raw = strings.TrimSuffix(raw, "\r")
		if len(raw) > LineMost {
			p.wrong(i+1, token{column: 1}, fmt.Sprintf("the line has %d bytes, at most %d are read", len(raw), LineMost))
			continue
		}
		if at := strings.IndexFunc(raw, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }); at >= 0 {
			p.wrong(i+1, token{column: utf8.RuneCountInString(raw[:at]) + 1}, "a control character stands here")
			continue
		}
		if line := uncommented(raw); line != "" {
			p.line(i+1, line, tokens(raw[:strings.Index(raw, line)+len(line)]))
		}
	}
	p.whole(len(lines))
}

// uncommented returns a line without its comment and the space around it. A comment begins with # at the beginning or after
// a space.
func uncommented(raw string) string {
	before := ' '
	for i, r := range raw {
		if r == '#' && unicode.IsSpace(before) {
			raw = raw[:i]
			break
		}
		before = r
	}
	return strings.TrimSpace(raw)
}

// tokens splits a line into its words.
func tokens(line string) []token {
	var out []token
	column, within := 0, false
	for _, r := range line {
		column++
		switch {
		case unicode.IsSpace(r):
			within = false
		case within:
			out[len(out)-1].text += string(r)
		default:
			out, within = append(out, token{string(r), column}), true
		}
	}
	return out
}

// line reads one line: of the header, or a step.
func (p *parser) line(n int, text string, words []token) {
	if p.header(n, text, words) {
		return
	}
	if !p.stepped {
		p.stepped = true
		p.endHeader(n)
	}
	if len(p.at) == StepsMost {
		p.wrong(n, words[0], fmt.Sprintf("at most %d steps are played", StepsMost))
	}
	if len(p.at) >= StepsMost {
		p.at = append(p.at, words[0])
		return
	}
	act, ok := p.step(n, words)
	if !ok {
		act = Wait{} // something stands for it, so that what follows is counted
	}
	p.script.Steps = append(p.script.Steps, Step{Line: n, Text: text, Act: act})
	p.at = append(p.at, words[0])
	if ok {
		p.here(n, words[0], act)
	}
}

// here refuses what not every world of the script can do.
func (p *parser) here(n int, first token, act Act) {
	f, ok := act.(Fault)
	if !ok || !f.Kind.SimOnly() || len(p.script.Worlds) == 1 && p.script.Worlds[0] == Sim {
		return
	}
	p.wrong(n, first, `only the simulator can do that, and this script is also for the lab; write "world sim" above, or take the line out`)
}
