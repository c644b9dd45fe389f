// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// wanted draws what the script wanted, with how long it was waited for, and returns where that ends.
func (d *drawing) wanted(y float64) float64 {
	var labels []label
	for _, r := range d.report.Results {
		verb, what, _ := strings.Cut(r.Text, " ")
		if verb != "expect" && verb != "never" {
			continue
		}
		mood, glyph := "good", "✓ "
		if r.Verdict != script.OK {
			mood, glyph = "bad", "✗ "
		}
		if verb == "never" {
			what = r.Text
		}
		what, _, _ = strings.Cut(what, " within ")
		title := fmt.Sprintf("line %d: %s: %s after %s", r.Line, r.Text, r.Verdict, briefly(r.Took))
		if r.Seen != "" {
			title += ": " + r.Seen
		}
		labels = append(labels, label{r.Began + r.Took, clip(glyph+clean(what), labelMost), mood, escape(title), r.Began})
	}
	if len(labels) == 0 {
		return y
	}
	d.put(`<line class="rule" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, margin, y, plotRight, y)
	y += 10
	d.text("name", margin, y+12, "wanted")
	return d.labels(labels, y) + 4
}

// meanings returns the states in the order of the legend, with what they mean.
func meanings() []struct {
	state script.State
	means string
} {
	return []struct {
		state script.State
		means string
	}{
		{script.StateAlive, "node alive"},
		{script.StateSuspect, "suspect"},
		{script.StateDown, "down"},
		{script.StateLeft, "left"},
		{script.StateNoQuorum, "no quorum"},
		{script.StateInStep, "HAProxy in step"},
		{script.StateNotInStep, "not in step"},
		{script.StateServes, "member serves"},
		{script.StateDrained, "drained"},
		{script.StateOut, "out"},
		{script.StateNobody, "held by nobody"},
		{stateFine, "fine"},
		{stateTrouble, "in trouble"},
	}
}

// legend explains the colours and marks that are there, and returns where the picture ends.
func (d *drawing) legend(y float64) float64 {
	x := margin
	room := func(text string) float64 {
		at := x
		if x += wide(text, 11) + 34; x > plotRight {
			y, at = y+20, margin
			x = at + wide(text, 11) + 34
		}
		return at
	}
	y += 12
	for _, m := range meanings() {
		if !slices.Contains(d.used, m.state) {
			continue
		}
		at := room(m.means)
		d.put(`<rect class="%s" x="%.1f" y="%.1f" width="14" height="10" rx="2"/>`, classOf(m.state), at, y-9)
		d.text("label", at+19, y, m.means)
	}
	for _, mark := range []struct{ mood, kind, means string }{
		{"bad", script.KindFault, "fault, or worse from here on"}, {"good", "", "right again"}, {"order", script.KindOrder, "order"}, {"failed", script.KindFailed, "failed requests"},
	} {
		if mark.kind != "" && !slices.ContainsFunc(d.report.Moments, func(m script.Moment) bool { return m.Kind == mark.kind }) {
			continue
		}
		at := room(mark.means)
		switch mark.mood {
		case "bad":
			d.put(`<path class="cross" d="M%.1f %.1f l7 7 m0 -7 l-7 7"/>`, at+4, y-7.5)
		case "order":
			d.put(`<path class="arrow" d="M%.1f %.1f h9 l-4.5 8 z"/>`, at+3, y-8)
		case "failed":
			d.put(`<rect class="failed" x="%.1f" y="%.1f" width="2.4" height="12" rx="1"/>`, at+6, y-10)
		default:
			d.put(`<circle class="dot good" cx="%.1f" cy="%.1f" r="4"/>`, at+7, y-4)
		}
		d.text("label", at+19, y, mark.means)
	}
	return y + 24
}
