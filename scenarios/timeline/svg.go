// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// Sizes of the picture, in its own units: pixels at its natural size.
const (
	pictureWidth = 1200.0
	margin       = 24.0
	plotLeft     = 168.0
	plotRight    = pictureWidth - margin
	axisHeight   = 32.0
	laneGap      = 10.0
	nodeBar      = 16.0
	memberBar    = 9.0
	memberRow    = 15.0
	dotRow       = 12.0
	labelRow     = 18.0
	ticksMost    = 13
)

// SVG returns the timeline as a picture. It is light or dark as the reader's system is.
func SVG(r script.Report) []byte {
	d := &drawing{model: newModel(r), out: &strings.Builder{}}
	heading := d.out
	top := d.heading() + axisHeight
	lanes := &strings.Builder{} // they cover the grid, which is as high as they are
	d.out = lanes
	y := top
	for _, l := range d.lanes {
		y = d.lane(l, y) + laneGap
	}
	y = d.wanted(y)
	d.out = heading
	d.grid(top-6, y)
	d.guides(top-6, y)
	d.out.WriteString(lanes.String())
	d.ending(top-6, y)
	y = d.legend(y + 30)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`+"\n",
		pictureWidth, y, pictureWidth, y, escape(r.Promise))
	fmt.Fprintf(&out, "<style>%s</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n", style())
	out.WriteString(d.out.String())
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

// drawing is a picture that is being drawn.
type drawing struct {
	model
	out  *strings.Builder
	used []script.State // the states that were drawn, for the legend
}

func (d *drawing) put(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// x returns where a time is.
func (d *drawing) x(at time.Duration) float64 {
	return plotLeft + float64(at-d.from)/float64(d.to-d.from)*(plotRight-plotLeft)
}

// text writes a text; its class says where it is anchored.
func (d *drawing) text(class string, x, y float64, text string) {
	d.put(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, escape(text))
}

// heading writes the promise and what became of it, and returns where it ends.
func (d *drawing) heading() float64 {
	y := 44.0
	for _, line := range wrapped(clean(d.report.Promise), 88) {
		d.text("promise", margin, y, line)
		y += 28
	}
	verdict, class := verdict(d.report), "kept"
	if d.report.Failure != nil {
		class = "lost"
	}
	width := wide(verdict, 12) + 24
	d.put(`<rect class="pill %s" x="%.1f" y="%.1f" width="%.1f" height="22" rx="11"/>`, class, margin, y-11, width)
	d.text("verdict", margin+12, y+4, verdict)
	d.text("note", margin+width+12, y+4, fmt.Sprintf("%s · %s", clean(d.report.File), d.report.Cluster))
	y += 20
	if f := d.report.Failure; f != nil {
		for _, line := range wrapped(clean(fmt.Sprintf("line %s", f)), 150) {
			y += 16
			d.text("failure", margin, y, line)
		}
		y += 4
	}
	return y
}

// grid draws the axis, and a line at each of its marks.
func (d *drawing) grid(top, bottom float64) {
	for _, at := range d.marks(ticksMost) {
		x := d.x(at)
		d.put(`<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, top, x, bottom)
		d.text("tick middle", x, top-6, tick(at))
		d.text("tick middle", x, bottom+16, tick(at))
	}
}

// guides draws a line through all lanes at each fault and order.
func (d *drawing) guides(top, bottom float64) {
	for _, m := range d.report.Moments {
		if m.Kind != script.KindFault && m.Kind != script.KindOrder {
			continue
		}
		d.put(`<line class="guide %s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, moodOf(m), d.x(m.At), top, d.x(m.At), bottom)
	}
}

// ending draws where a promise was broken.
func (d *drawing) ending(top, bottom float64) {
	if f := d.report.Failure; f != nil {
		d.put(`<line class="ending" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"><title>%s</title></line>`,
			d.x(f.At), top, d.x(f.At), bottom, escape(clean(fmt.Sprintf("line %s", f))))
	}
}

// moodOf returns the class of a moment's mark.
func moodOf(m script.Moment) string {
	switch {
	case m.Kind == script.KindOrder && !m.Bad:
		return "order"
	case m.Bad:
		return "bad"
	case m.Good:
		return "good"
	}
	return "plain"
}

// escape makes a text part of a picture: one line, which neither ends nor begins an element.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(clean(text))
}

// wide estimates how wide a text is. Letters of common fonts are up to 0.62 of the size wide on average.
func wide(text string, size float64) float64 { return float64(len([]rune(text))) * size * 0.6 }
