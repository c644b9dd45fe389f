// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// statement is a keyword with what follows it on its line, and its block if it has one.
type statement struct {
	at    place
	words []string // at least one
	block []*statement
	open  bool // it has a block
}

func (s *statement) keyword() string { return s.words[0] }

// arg returns the word after the keyword with this number, counted from 1; empty if there is none.
func (s *statement) arg(n int) string {
	if n >= len(s.words) {
		return ""
	}
	return s.words[n]
}

// equal tells whether two statements say the same, wherever they stand.
func (s *statement) equal(o *statement) bool {
	return slices.Equal(s.words, o.words) && slices.EqualFunc(s.block, o.block, (*statement).equal)
}

// child returns the last statement of the block with this keyword, as keepalived does.
func (s *statement) child(keyword string) *statement {
	for _, c := range slices.Backward(s.block) {
		if c.keyword() == keyword {
			return c
		}
	}
	return nil
}

// builder makes a tree of lines.
type builder struct {
	top    *statement // holds the tree in its block
	path   []*statement
	now    *statement // the statement that is being read
	faults []Fault
}

// treeOf returns the statements of the lines.
func treeOf(lines []line) ([]*statement, []Fault) {
	b := &builder{top: &statement{open: true}}
	b.path = []*statement{b.top}
	for _, l := range lines {
		b.line(l)
		if len(b.faults) > faultsShown {
			break
		}
	}
	for _, s := range b.path[1:] {
		b.fault(s.at, s.keyword(), "the block that begins here does not end; a } is missing")
	}
	return b.top.block, b.faults
}

func (b *builder) fault(at place, word, want string) {
	b.faults = append(b.faults, Fault{File: at.file, Line: at.line, Word: word, Want: want})
}

func (b *builder) line(l line) {
	words, unclosed := wordsOf(l.text)
	if unclosed != "" {
		b.fault(l.at, unclosed, "the quote that begins here does not end on its line")
	}
	for _, w := range words {
		switch {
		case w.brace && w.text == "{":
			b.begin(l.at)
		case w.brace:
			b.end(l.at)
		case b.now == nil:
			b.now = &statement{at: l.at, words: []string{w.text}}
			in := b.path[len(b.path)-1]
			in.block = append(in.block, b.now)
		default:
			b.now.words = append(b.now.words, w.text)
		}
	}
	b.now = nil
}

// begin opens the block of the statement before the brace, which may stand on a line of its own.
func (b *builder) begin(at place) {
	s := b.now
	if in := b.path[len(b.path)-1]; s == nil && len(in.block) > 0 {
		s = in.block[len(in.block)-1]
	}
	switch {
	case s == nil || s.open:
		b.fault(at, "{", "a block begins that belongs to nothing; write its keyword before the {")
		s = &statement{at: at, words: []string{"{"}}
	case len(b.path) > maxDepth:
		b.fault(at, s.keyword(), fmt.Sprintf("more than %d blocks within each other", maxDepth))
		return
	}
	s.open, b.now = true, nil
	b.path = append(b.path, s)
}

func (b *builder) end(at place) {
	b.now = nil
	if len(b.path) == 1 {
		b.fault(at, "}", "ends a block where none is open; remove it, or look for a { that is missing above")
		return
	}
	b.path = b.path[:len(b.path)-1]
}

// word is a word of a line; a brace is one that begins or ends a block.
type word struct {
	text  string
	brace bool
}

// wordsOf splits a line into words. Quoted text keeps its spaces; a quote that does not end is returned as unclosed.
func wordsOf(text string) (words []word, unclosed string) {
	var now strings.Builder
	var quote byte
	within, began := false, 0 // within a word; where the quote began
	quoted := false           // the word had quotes
	flush := func() {
		if within {
			words = append(words, split(now.String(), quoted)...)
		}
		now.Reset()
		within, quoted = false, false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			n, char := escaped(text[i+1:])
			now.WriteString(char)
			i += n
			within = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, began, within, quoted = c, i, true, true
		case quote == 0 && (c == ' ' || c == '\t'):
			flush()
		default:
			now.WriteByte(c)
			within = true
		}
	}
	flush()
	if quote != 0 {
		unclosed = text[began:]
	}
	return words, unclosed
}

// split parts braces from a word that was not quoted: "VI_1{" opens a block, "x{2}" is one word.
func split(text string, quoted bool) []word {
	if quoted || text == "" {
		return []word{{text: text}}
	}
	if strings.Trim(text, "{}") == "" {
		var out []word
		for _, c := range text {
			out = append(out, word{string(c), true})
		}
		return out
	}
	if name, ok := strings.CutSuffix(text, "{"); ok && !strings.ContainsAny(name, "{}") {
		return []word{{text: name}, {"{", true}}
	}
	return []word{{text: text}}
}

// escaped reads what stands after a backslash, and how long it is.
func escaped(text string) (n int, char string) {
	const letters, meant = "abEfnrtv", "\a\b\x1b\f\n\r\t\v"
	if i := strings.IndexByte(letters, text[0]); i >= 0 {
		return 1, meant[i : i+1]
	}
	digits := func(from, most int, set string) int {
		most = min(most, len(text)-from)
		n = from + most - len(strings.TrimLeft(text[from:from+most], set))
		return n
	}
	switch c := text[0]; {
	case c == 'c' && len(text) > 1:
		return 2, string(rune(text[1] & 0x1f))
	case c == 'x' && digits(1, 2, "0123456789abcdefABCDEF") > 1:
		v, err := strconv.ParseUint(text[1:n], 16, 8)
		if err == nil {
			return n, string([]byte{byte(v)})
		}
	case digits(0, 3, "01234567") > 0:
		v, err := strconv.ParseUint(text[:n], 8, 8)
		if err == nil {
			return n, string([]byte{byte(v)})
		}
	}
	return 1, text[:1]
}
