// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const (
	columnGap = 2
	indent    = 2
	// narrow is the least room for the last column, in columns of the terminal;
	// with less it goes on lines of its own.
	narrow = 36
)

// table lays out cells in columns. Columns without content are left out. The
// last column takes sentences: it is wrapped to the width, or put below its row
// where the width is too small for that.
type table struct {
	heads []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// lines returns the table for the width; 0 = of any width.
func (t *table) lines(at screen) []string {
	heads, rows := t.filled()
	if len(heads) == 0 || len(rows) == 0 {
		return nil
	}
	last := len(heads) - 1
	widths := make([]int, last)
	for _, row := range append([][]string{heads}, rows...) {
		for i := range widths {
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
	}
	left := indent
	for _, w := range widths {
		left += w + columnGap
	}
	room := at.width - left
	for _, row := range append([][]string{heads}, rows...) {
		if w := ansi.StringWidth(row[last]); at.width > 0 && room < narrow && room < w {
			return t.below(at, heads, rows, widths)
		}
	}
	out := []string{at.palette().dim.Render(spread(heads[:last], widths) + heads[last])}
	for _, row := range rows {
		begin := spread(row[:last], widths)
		for i, part := range wrap(row[last], room, at) {
			if i > 0 {
				begin = strings.Repeat(" ", left)
			}
			out = append(out, strings.TrimRight(begin+part, " "))
		}
	}
	return out
}

// below puts the last column on lines of its own.
func (t *table) below(at screen, heads []string, rows [][]string, widths []int) []string {
	last := len(heads) - 1
	out := []string{at.palette().dim.Render(strings.TrimRight(spread(heads[:last], widths), " "))}
	for _, row := range rows {
		out = append(out, strings.TrimRight(spread(row[:last], widths), " "))
		if row[last] == "" {
			continue
		}
		const deeper = 2 * indent
		for _, part := range wrap(row[last], at.width-deeper, at) {
			out = append(out, strings.Repeat(" ", deeper)+part)
		}
	}
	return out
}

// filled returns the columns that have any content.
func (t *table) filled() (heads []string, rows [][]string) {
	rows = make([][]string, len(t.rows))
	for i, head := range t.heads {
		if !slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		heads = append(heads, head)
		for j, row := range t.rows {
			rows[j] = append(rows[j], row[i])
		}
	}
	return heads, rows
}

// spread pads the cells to their columns.
func spread(cells []string, widths []int) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", indent))
	for i, cell := range cells {
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)+columnGap))
	}
	return b.String()
}

// wrap breaks a sentence into lines that fit the room.
func wrap(s string, room int, at screen) []string {
	if at.width == 0 || room < 1 {
		return []string{s}
	}
	return strings.Split(ansi.Wrap(s, room, ""), "\n")
}
