// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// Widths of a timeline as text, in columns.
const (
	textWidth  = 100
	labelWidth = 14 // of the names of lanes
	chartWidth = textWidth - labelWidth - 1
	whenWidth  = 9 // of a time in the list
)

// Text returns the timeline for a terminal, 100 columns wide: first a chart, then what happened, when and why.
func Text(r script.Report) string {
	m := newModel(r)
	var b strings.Builder
	line := func(text string) { b.WriteString(strings.TrimRight(text, " ") + "\n") }
	for _, l := range wrapped(clean(r.Promise), textWidth) {
		line(l)
	}
	line(clip(fmt.Sprintf("%s · %s · %s", verdict(r), clean(r.File), r.Cluster), textWidth))
	if r.Failure != nil {
		for _, l := range wrapped(clean(fmt.Sprintf("line %s", r.Failure)), textWidth-2) {
			line("  " + l)
		}
	}
	line("")
	line(m.axis())
	for _, l := range m.lanes {
		m.textLane(line, l)
	}
	line("")
	line("━ as it should be  ▒ suspect, drained, not in step  · down, out, held by nobody  ? no quorum  ░ left")
	line("✕ fault or loss  ○ undone  ▼ order  ◆ agreed by the cluster  ╻ failed requests")
	line("")
	for _, one := range r.Moments {
		m.list(line, one)
	}
	return b.String()
}

// column returns where in the chart a time is.
func (m model) column(at time.Duration) int {
	return int((at - m.from) * (chartWidth - 1) / (m.to - m.from))
}

func (m model) axis() string {
	row := []rune(strings.Repeat(" ", chartWidth+1))
	free := 0
	for _, at := range m.marks(9) {
		text := []rune(tick(at))
		if from := m.column(at); from >= free && from+len(text) <= chartWidth {
			copy(row[from:], text)
			free = from + len(text) + 1
		}
	}
	return strings.Repeat(" ", labelWidth+1) + string(row)
}

// textLane writes the rows of a lane: its bars, or its marks when it has none.
func (m model) textLane(line func(string), l lane) {
	row := func(name string, cells []rune) {
		name = clip(name, labelWidth)
		line(name + strings.Repeat(" ", labelWidth-utf8.RuneCountInString(name)+1) + string(cells))
	}
	if len(l.bars) == 0 {
		cells := []rune(strings.Repeat("─", chartWidth))
		for _, one := range l.moments {
			cells[m.column(one.At)] = markOf(one)
		}
		row(clean(l.name), cells)
		return
	}
	for i, b := range l.bars {
		cells := make([]rune, chartWidth)
		for _, s := range b.spans {
			// Each state is seen, however short it was.
			for c := m.column(s.from); c <= m.column(s.to); c++ {
				cells[c] = cellOf(s.state)
			}
			m.nameHolder(cells, s)
		}
		if i == 0 {
			row(clean(l.name), cells)
			continue
		}
		row("  "+clean(b.subject), cells)
	}
}

// nameHolder writes into the bar of a resource who holds it, where that has room.
func (m model) nameHolder(cells []rune, s span) {
	node, held := s.state.Holder()
	from, to := m.column(s.from), m.column(s.to)
	if name := []rune(clean(node)); held && from+len(name) <= to {
		copy(cells[from:], name)
	}
}

func cellOf(s script.State) rune {
	switch s {
	case script.StateSuspect, script.StateDrained, script.StateNotInStep, stateTrouble:
		return '▒'
	case script.StateDown, script.StateOut, script.StateNobody:
		return '·'
	case script.StateNoQuorum:
		return '?'
	case script.StateLeft:
		return '░'
	case script.StateAlive, script.StateInStep, script.StateServes, stateFine:
	}
	return '━'
}

func markOf(m script.Moment) rune {
	switch {
	case m.Kind == script.KindFailed:
		return '╻'
	case m.Kind == script.KindOrder:
		return '▼'
	case m.Bad:
		return '✕'
	case m.Good:
		return '○'
	}
	return '◆'
}

// list writes one moment of the list, with its reason below it when that does not fit beside it.
func (m model) list(line func(string), one script.Moment) {
	glyph := " "
	switch {
	case one.Bad:
		glyph = "✕"
	case one.Good:
		glyph = "✓"
	}
	lane := clip(clean(one.Lane), labelWidth)
	head := fmt.Sprintf("%*s %s %s%s", whenWidth, seconds(one.At), glyph, lane, strings.Repeat(" ", labelWidth-utf8.RuneCountInString(lane)+1))
	what := clean(told(one))
	room := textWidth - utf8.RuneCountInString(head)
	rest := strings.Repeat(" ", utf8.RuneCountInString(head))
	texts := wrapped(what, room)
	if reason := clean(one.Reason); reason != "" && !strings.Contains(what, reason) {
		if last := len(texts) - 1; utf8.RuneCountInString(texts[last])+2+utf8.RuneCountInString(reason) <= room {
			texts[last] += ": " + reason
		} else {
			texts = append(texts, wrapped(reason, room)...)
		}
	}
	for i, t := range texts {
		if i == 0 {
			line(head + t)
		} else {
			line(rest + t)
		}
	}
}

// told returns what happened in words; an event goes by the last part of its kind.
func told(m script.Moment) string {
	_, event, ok := strings.Cut(m.Kind, ".")
	if !ok {
		return m.What
	}
	return strings.ReplaceAll(event, "-", " ") + " " + m.What
}

// clean makes a text one line of what can be printed.
func clean(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)), " ")
}

// clip shortens a text to a width.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}

// wrapped breaks a text into lines of a width. A word that is longer is cut.
func wrapped(text string, width int) []string {
	out := []string{""}
	for word := range strings.FieldsSeq(text) {
		word = clip(word, width)
		last := &out[len(out)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			out = append(out, word)
		}
	}
	return out
}
