// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fate is what became of a statement.
type Fate string

// The fates.
const (
	Carried  Fate = "carried"  // it is in the cluster file
	Needless Fate = "needless" // Evenkeel needs no such thing
	Left     Fate = "left"     // Evenkeel has nothing that does it
	Check    Fate = "check"    // it is in the cluster file otherwise than it was, or by assumption: a person has to look
)

// Words returns the fate as people say it.
func (f Fate) Words() string {
	switch f {
	case Carried:
		return "carried over"
	case Needless:
		return "not needed"
	case Left:
		return "left out"
	case Check:
		return "check"
	}
	return string(f)
}

// Note tells what became of one statement, and what to do about it.
type Note struct {
	File    string `json:"file,omitempty"` // empty for what is in no file
	Line    int    `json:"line,omitempty"` // counted from 1; 0 = in no file
	Keyword string `json:"keyword"`
	Fate    Fate   `json:"fate"`
	Text    string `json:"text"`
}

// String tells the note in one line: FILE:LINE: keyword: fate: text.
func (n Note) String() string {
	text := n.Keyword + ": " + n.Fate.Words() + ": " + n.Text
	if n.File == "" {
		return text
	}
	return fmt.Sprintf("%s:%d: %s", n.File, n.Line, text)
}

// verdict is what is said of a keyword wherever it stands.
type verdict struct {
	fate Fate
	text string
}

// notebook gathers notes and knows which statements have one.
type notebook struct {
	notes []Note
	told  map[*statement]bool
	seen  map[Note]bool
}

func newNotebook() *notebook {
	return &notebook{told: map[*statement]bool{}, seen: map[Note]bool{}}
}

// note tells what became of a statement. A statement that several nodes share is told once.
func (b *notebook) note(s *statement, fate Fate, text string, args ...any) {
	b.told[s] = true
	b.add(Note{File: s.at.file, Line: s.at.line, Keyword: s.keyword(), Fate: fate, Text: fmt.Sprintf(text, args...)})
}

// whole tells what became of a statement and of all that is in its block.
func (b *notebook) whole(s *statement, v verdict) {
	b.cover(s)
	text := v.text
	if n := len(s.block); n > 0 && (v.fate == Left || v.fate == Check) {
		text += fmt.Sprintf(" (this is said of all in the block: %d)", n)
	}
	b.note(s, v.fate, "%s", text)
}

// cover marks a statement and all that is in it as told.
func (b *notebook) cover(s *statement) {
	b.told[s] = true
	for _, in := range s.block {
		b.cover(in)
	}
}

// general tells what is in no file and a person has to look at.
func (b *notebook) general(keyword, text string, args ...any) {
	b.add(Note{Keyword: keyword, Fate: Check, Text: fmt.Sprintf(text, args...)})
}

func (b *notebook) add(n Note) {
	if !b.seen[n] {
		b.seen[n] = true
		b.notes = append(b.notes, n)
	}
}

// sweep tells of every statement that nobody has told of.
func (b *notebook) sweep(all []*statement) {
	for _, s := range all {
		if !b.told[s] {
			b.note(s, Left, "not known here; nothing was made of it")
		}
		b.sweep(s.block)
	}
}

// sorted returns the notes in the order of the files, those of no file at the end.
func (b *notebook) sorted(files []string) []Note {
	place := map[string]int{"": len(files)}
	for i, f := range files {
		if _, there := place[f]; !there {
			place[f] = i
		}
	}
	slices.SortStableFunc(b.notes, func(x, y Note) int {
		return cmp.Or(cmp.Compare(place[x.File], place[y.File]), cmp.Compare(x.Line, y.Line))
	})
	return b.notes
}

// Fault is a place where a file cannot be read.
type Fault struct {
	File string
	Line int    // counted from 1
	Word string // what stands there
	Want string // what would be right
}

// String tells the fault in one line.
func (f Fault) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, strconv.Quote(shortened(f.Word)), f.Want)
}

// wordShown is how much of a faulty word is printed, in characters.
const wordShown = 60

func shortened(s string) string {
	if r := []rune(s); len(r) > wordShown {
		return string(r[:wordShown]) + "…"
	}
	return s
}

// faultsShown is how many faults an error prints; the rest are counted.
const faultsShown = 50

// Error is everything because of which files cannot be read.
type Error struct {
	Faults []Fault // at least one
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
