// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
)

// tone is how a piece of text looks. Without colours, its words and glyphs say the same.
type tone int

const (
	plain tone = iota
	dim
	strong
	good
	bad
	warned
	title
)

// narrator writes the story, one line at a time, and below it one line of progress that is written over.
type narrator struct {
	w     io.Writer
	color bool
	live  bool
	width int // columns; 0 is no limit

	mu      sync.Mutex
	waiting string // the line of progress that stands now
	err     error  // of the first write that failed
}

func newNarrator(opts Options) *narrator {
	return &narrator{w: opts.Story, color: opts.Color, live: opts.Live, width: opts.Width}
}

// paint gives text a tone.
func (n *narrator) paint(t tone, text string) string {
	if !n.color || t == plain {
		return text
	}
	style := lipgloss.NewStyle()
	switch t {
	case plain:
	case dim:
		style = style.Faint(true)
	case strong:
		style = style.Bold(true)
	case good:
		style = style.Foreground(lipgloss.Green)
	case bad:
		style = style.Foreground(lipgloss.Red).Bold(true)
	case warned:
		style = style.Foreground(lipgloss.Yellow)
	case title:
		style = style.Foreground(lipgloss.Cyan).Bold(true)
	}
	return style.Render(text)
}

// line writes a line of the story.
func (n *narrator) line(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wipe()
	n.write(text + "\n")
	if n.waiting != "" {
		n.write(n.waiting)
	}
}

// moment is one line of an act.
type moment struct {
	after time.Duration // since the fault
	tone  tone
	glyph string
	who   string
	what  string
}

// happened writes a moment, as in "     +4.2 ms  ↓ lb1      takes web1 out of rotation".
func (n *narrator) happened(m moment) {
	const taken = 25 // columns before the text
	what := m.what
	if n.width > taken {
		what = short(what, n.width-taken)
	}
	after := fmt.Sprintf("%+9.1f ms", float64(m.after)/float64(time.Millisecond))
	if m.after == 0 {
		after = fmt.Sprintf("%9s ms", "0.0")
	}
	n.line(fmt.Sprintf("%s  %s %s%s", n.paint(dim, after), n.paint(m.tone, m.glyph), n.paint(strong, fmt.Sprintf("%-9s", m.who)), n.paint(m.tone, what)))
}

// progress replaces the line of progress; empty takes it away. It shows on terminals only.
func (n *narrator) progress(text string) {
	if !n.live {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.width > 1 {
		text = short(text, n.width-1)
	}
	n.wipe()
	n.waiting = ""
	if text != "" {
		n.waiting = n.paint(dim, text)
		n.write(n.waiting)
	}
}

// wipe needs n.mu. It goes to the line's beginning and erases it (ECMA-48: CR, EL 2).
func (n *narrator) wipe() {
	if n.waiting != "" {
		n.write("\r\x1b[2K")
	}
}

// write needs n.mu. A story that nobody can read any more does not stop the demo; its end tells of it.
func (n *narrator) write(text string) {
	if _, err := io.WriteString(n.w, text); err != nil && n.err == nil {
		n.err = fmt.Errorf("tell the story: %w", err)
	}
}

// short cuts a text to so many columns.
func short(text string, columns int) string {
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return strings.TrimRight(string(runes[:columns-1]), " ") + "…"
}
