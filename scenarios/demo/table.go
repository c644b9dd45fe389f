// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// writeTable writes the result for people.
func writeTable(w io.Writer, n *narrator, f facts, summaries []summary) error {
	var b strings.Builder
	head := fmt.Sprintf("  %-18s  %30s", "", "with Evenkeel")
	under := fmt.Sprintf("  %-18s  %10s %11s %7s", "", "noticed", "out on both", "failed")
	if len(summaries) > 0 && summaries[0].peer != nil {
		head += fmt.Sprintf("  %21s", "HAProxy alone")
		under += fmt.Sprintf("  %13s %7s", "out on both", "failed")
	}
	b.WriteString(n.paint(strong, head) + "\n" + n.paint(dim, under) + "\n")
	for _, s := range summaries {
		b.WriteString(s.row(n) + "\n")
		if len(s.runs) > 1 {
			b.WriteString(n.paint(dim, s.least()) + "\n" + n.paint(dim, s.greatest()) + "\n")
		}
	}
	b.WriteString("\n")
	for _, note := range f.Notes {
		b.WriteString(n.paint(dim, "  "+note) + "\n")
	}
	if text := conclusion(summaries); text != "" {
		b.WriteString("\n")
		for line := range strings.Lines(text) {
			b.WriteString("  " + n.paint(strong, strings.TrimSpace(line)) + "\n")
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// row is the line of one act. What Evenkeel did is in front and coloured, the peers' figures are beside it.
func (s summary) row(n *narrator) string {
	t := good
	if s.kept.failed.Median > 0 {
		t = warned
	}
	row := fmt.Sprintf("  %-18s  ", label(s.act)) + n.paint(t, fmt.Sprintf("%10s %11s %7s",
		span(s.detected.Median), span(s.kept.out.Median), grouped(s.kept.failed.Median)))
	if s.peer != nil {
		row += "  " + n.paint(bad, fmt.Sprintf("%13s %7s", span(s.peer.out.Median), grouped(s.peer.failed.Median)))
	}
	return row
}

func (s summary) least() string {
	return s.extreme("least", func(v spread) float64 { return v.Min })
}

func (s summary) greatest() string {
	return s.extreme("greatest", func(v spread) float64 { return v.Max })
}

func (s summary) extreme(name string, of func(spread) float64) string {
	row := fmt.Sprintf("    %-16s  %10s %11s %7s", name, span(of(s.detected)), span(of(s.kept.out)), grouped(of(s.kept.failed)))
	if s.peer != nil {
		row += fmt.Sprintf("  %13s %7s", span(of(s.peer.out)), grouped(of(s.peer.failed)))
	}
	return row
}

func label(act string) string {
	return map[string]string{ActApplication: "application killed", ActNode: "node cut off", ActDrain: "planned work"}[act]
}

// span writes milliseconds as people read them: 4.3 ms, 305 ms, 5.21 s.
func span(ms float64) string {
	switch {
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// grouped writes a number with commas between thousands; a half, as a median can be, keeps its half.
func grouped(v float64) string {
	text := strconv.FormatFloat(math.Floor(v), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if half := v - math.Floor(v); half > 0 {
		text += strings.TrimPrefix(strconv.FormatFloat(half, 'f', 1, 64), "0")
	}
	return text
}

// conclusion says in one sentence, on two lines, what the table shows.
func conclusion(summaries []summary) string {
	var ratios []string
	keptFailed, peerFailed := 0.0, 0.0
	for _, s := range summaries {
		if s.peer == nil {
			return ""
		}
		ratios = append(ratios, grouped(math.Round(s.peer.out.Median/max(s.kept.out.Median, 0.1))))
		keptFailed += s.kept.failed.Median
		peerFailed += s.peer.failed.Median
	}
	if len(ratios) == 0 {
		return ""
	}
	list := ratios[len(ratios)-1]
	if rest := ratios[:len(ratios)-1]; len(rest) > 0 {
		list = strings.Join(rest, ", ") + " and " + list
	}
	failed := grouped(keptFailed) + " requests"
	switch keptFailed {
	case 0:
		failed = "no request"
	case 1:
		failed = "1 request"
	}
	return fmt.Sprintf("With Evenkeel the server was out %s times sooner,\nand %s failed instead of %s.",
		list, failed, grouped(peerFailed))
}
