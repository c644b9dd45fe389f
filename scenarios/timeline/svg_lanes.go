// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// lane draws a lane from y on and returns where it ends.
func (d *drawing) lane(l lane, y float64) float64 {
	switch {
	case l.name == script.LaneClient:
		return d.client(l, y)
	case len(l.bars) == 0:
		return d.labelled(l, y)
	}
	d.put(`<g>`)
	for i, b := range l.bars {
		if i == 0 {
			d.text("name", margin, y+nodeBar-4, l.name)
			d.bar(b, y, nodeBar)
			y += nodeBar
			y = d.dots(l, y)
			continue
		}
		d.text("member", margin+12, y+memberBar, b.subject)
		d.bar(b, y+1, memberBar)
		y += memberRow
	}
	d.put(`</g>`)
	return y
}

// bar draws one bar, with the names of its states where they have room.
func (d *drawing) bar(b bar, y, height float64) {
	for _, s := range b.spans {
		name, class := string(s.state), d.classOf(s.state)
		if node, held := s.state.Holder(); held {
			name = node
		}
		x, width := d.x(s.from), d.x(s.to)-d.x(s.from)
		if !slices.Contains(d.used, s.state) {
			d.used = append(d.used, s.state)
		}
		title := fmt.Sprintf("%s from %s to %s: %s", s.state, seconds(s.from), seconds(s.to), s.why)
		d.put(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"><title>%s</title></rect>`,
			class, x, y, max(width-0.6, 1), height, escape(title))
		if height >= nodeBar && wide(name, 10)+10 < width {
			d.text("state "+class+"-text", x+6, y+height-4.5, name)
		}
	}
}

// holderColours is how many colours the holders of resources have, in turn.
const holderColours = 3

// classOf returns the class of a state's colour. Each holder of a resource has his own.
func (d *drawing) classOf(s script.State) string {
	if node, held := s.Holder(); held {
		return fmt.Sprintf("s-held-%d", max(0, slices.Index(d.holders(), node))%holderColours)
	}
	return classOf(s)
}

// holders returns who holds any resource at any time, as they come.
func (d *drawing) holders() []string {
	var out []string
	for _, m := range d.report.Moments {
		if node, held := m.State.Holder(); held && !slices.Contains(out, node) {
			out = append(out, node)
		}
	}
	return out
}

func classOf(s script.State) string { return "s-" + strings.ReplaceAll(string(s), " ", "-") }

// dotApart is how near two dots may be before they become one.
const dotApart = 7.0

// dots draws one dot for each moment of a lane, below its bar; those that would touch are one. It returns where they end.
func (d *drawing) dots(l lane, y float64) float64 {
	own := slices.DeleteFunc(slices.Clone(l.moments), func(m script.Moment) bool { return m.Subject != "" && m.State != "" })
	if len(own) == 0 {
		return y + 4
	}
	for _, group := range d.groups(own) {
		mood := moodOf(group[0])
		for _, m := range group {
			if m.Bad {
				mood = "bad"
			}
		}
		radius := 3.0
		if len(group) > 1 {
			radius = 4
		}
		d.put(`<circle class="dot %s" cx="%.1f" cy="%.1f" r="%.1f"><title>%s</title></circle>`, mood, d.x(group[0].At), y+7, radius, titleOf(group))
	}
	return y + dotRow
}

// groups returns moments that are told by one mark.
func (d *drawing) groups(moments []script.Moment) [][]script.Moment {
	var out [][]script.Moment
	for _, m := range moments {
		if last := len(out) - 1; last >= 0 && d.x(m.At)-d.x(out[last][0].At) < dotApart {
			out[last] = append(out[last], m)
			continue
		}
		out = append(out, []script.Moment{m})
	}
	return out
}

// titleMost is how many moments one tooltip tells.
const titleMost = 12

// titleOf returns the tooltip of moments, one line for each.
func titleOf(moments []script.Moment) string {
	var lines []string
	for i, m := range moments {
		if i == titleMost {
			lines = append(lines, fmt.Sprintf("and %d more", len(moments)-i))
			break
		}
		text := told(m)
		if m.Reason != "" && !strings.Contains(text, m.Reason) {
			text += ": " + m.Reason
		}
		lines = append(lines, escape(seconds(m.At)+" "+text))
	}
	return strings.Join(lines, "&#10;")
}

// client draws the requests that failed.
func (d *drawing) client(l lane, y float64) float64 {
	d.text("name", margin, y+nodeBar-4, l.name)
	d.put(`<line class="asks" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, plotLeft, y+8, plotRight, y+8)
	lost := false
	for _, m := range l.moments {
		if m.Kind == script.KindFailed {
			lost = true
			d.put(`<rect class="failed" x="%.1f" y="%.1f" width="2.4" height="%.1f" rx="1"><title>%s</title></rect>`,
				d.x(m.At)-1.2, y, nodeBar, titleOf([]script.Moment{m}))
		}
	}
	if !lost {
		d.text("calm", plotLeft+6, y+3, "every request was answered")
	}
	return y + nodeBar + 2
}

// label is a text beside a mark.
type label struct {
	at     time.Duration
	text   string
	mood   string
	title  string
	begins time.Duration // of a line that leads to the mark; at = none
}

// labelMost is the longest text beside a mark, in characters.
const labelMost = 44

// rowsMost is how many rows of labels a lane has; what finds no room there is told by its tooltip.
const rowsMost = 14

// labelled draws a lane of marks with their texts beside them.
func (d *drawing) labelled(l lane, y float64) float64 {
	var labels []label
	for _, m := range l.moments {
		labels = append(labels, label{m.At, clip(clean(told(m)), labelMost), moodOf(m), titleOf([]script.Moment{m}), m.At})
	}
	d.text("name", margin, y+12, laneTitle(l.name))
	return d.labels(labels, y)
}

// laneTitle returns how a lane is called beside it.
func laneTitle(name string) string {
	switch name {
	case script.LaneFault:
		return "faults"
	case script.LaneOperator:
		return "operator"
	}
	return name
}

// labels draws marks in as few rows as they need, and returns where the last row ends.
func (d *drawing) labels(labels []label, y float64) float64 {
	var ends []float64 // of each row
	for _, l := range labels {
		x, width := d.x(l.at), wide(l.text, 11)+12
		from, to, anchor := d.x(l.begins)-5, x+width+6, "start"
		if to > plotRight {
			from, to, anchor = min(d.before(l)-width-6, from), x+5, "end"
		}
		row := slices.IndexFunc(ends, func(end float64) bool { return end+6 < from })
		switch {
		case row >= 0:
		case len(ends) < rowsMost:
			row, ends = len(ends), append(ends, 0)
		default:
			row, l.text = rowsMost-1, ""
			to = max(ends[row], x+5)
		}
		ends[row] = to
		d.mark(l, anchor, y+float64(row)*labelRow+8)
	}
	return y + float64(max(len(ends), 1))*labelRow
}

// before returns what a text to the left of a mark ends at: the line that leads to the mark, if the text has room there.
func (d *drawing) before(l label) float64 {
	if from := d.x(l.begins); from-wide(l.text, 11)-18 > plotLeft {
		return from
	}
	return d.x(l.at)
}

func (d *drawing) mark(l label, anchor string, y float64) {
	x := d.x(l.at)
	d.put(`<g><title>%s</title>`, l.title)
	if from := d.x(l.begins); x-from > 1 {
		d.put(`<line class="lead %s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, l.mood, from, y, x, y)
	}
	switch l.mood {
	case "bad":
		d.put(`<path class="cross" d="M%.1f %.1f l7 7 m0 -7 l-7 7"/>`, x-3.5, y-3.5)
	case "order":
		d.put(`<path class="arrow" d="M%.1f %.1f h9 l-4.5 8 z"/>`, x-4.5, y-4)
	default:
		d.put(`<circle class="dot %s" cx="%.1f" cy="%.1f" r="4"/>`, l.mood, x, y)
	}
	switch {
	case l.text == "":
	case anchor == "end":
		d.text("label end", d.before(l)-9, y+4, l.text)
	default:
		d.text("label", x+9, y+4, l.text)
	}
	d.put(`</g>`)
}
