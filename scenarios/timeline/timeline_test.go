// SPDX-License-Identifier: Apache-2.0

package timeline_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/scenarios/timeline"
)

var rewrite = flag.Bool("rewrite", false, "write the goldens anew")

// TestGoldens: what was looked at once stays as it was. After -rewrite, look at the pictures again.
func TestGoldens(t *testing.T) {
	for name, r := range map[string]script.Report{"few": few(), "many": many(), "moved": moved(), "none": {Promise: "Nothing happened.", File: "none.txt"}} {
		for ext, got := range map[string]string{".txt": timeline.Text(r), ".svg": string(timeline.SVG(r))} {
			path := filepath.Join("testdata", name+ext)
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	}
}

// box is where a text of a picture is.
type box struct {
	x, y        float64
	text, class string
}

// read reads a picture, and refuses what has no place in one.
func read(t rapid.TB, svg []byte) []box {
	if text := strings.ReplaceAll(string(svg), "http://www.w3.org/2000/svg", ""); strings.Contains(text, "url(") || strings.Contains(text, "@import") {
		t.Fatal("it needs something from outside")
	}
	var boxes []box
	elements := []string{"svg", "style", "rect", "text", "line", "circle", "path", "g", "title"}
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return boxes
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if !strings.Contains(" "+strings.Join(elements, " ")+" ", " "+e.Name.Local+" ") {
				t.Fatalf("element %s", e.Name.Local)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") {
					t.Fatalf("attribute %s", a.Name.Local)
				}
			}
			boxes = append(boxes, box{x: number(e, "x"), y: number(e, "y"), class: e.Name.Local + " " + attr(e, "class")})
		case xml.CharData:
			if last := len(boxes) - 1; last >= 0 && strings.HasPrefix(boxes[last].class, "text") {
				boxes[last].text += strings.TrimSuffix(string(e), "\n")
			}
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func number(e xml.StartElement, name string) float64 {
	v, err := strconv.ParseFloat(attr(e, name), 64)
	if err != nil {
		return 0
	}
	return v
}

// extent returns from where to where a label reaches, by the width of its letters.
func (b box) extent() (from, to float64) {
	width := float64(utf8.RuneCountInString(b.text)) * 11 * 0.58
	if strings.HasSuffix(b.class, " end") {
		return b.x - width, b.x
	}
	return b.x, b.x + width
}

// checkLabels fails when two labels of a row overlap, or one leaves the picture.
func checkLabels(t rapid.TB, boxes []box) {
	var labels []box
	for _, b := range boxes {
		if strings.HasPrefix(b.class, "text label") {
			labels = append(labels, b)
		}
	}
	for i, a := range labels {
		from, to := a.extent()
		if from < 0 || to > 1200 {
			t.Fatalf("%q reaches from %.0f to %.0f", a.text, from, to)
		}
		for _, b := range labels[:i] {
			if f, u := b.extent(); a.y == b.y && from < u && f < to {
				t.Fatalf("%q and %q overlap at %.0f", a.text, b.text, a.y)
			}
		}
	}
}

func genReport() *rapid.Generator[script.Report] {
	return rapid.Custom(func(t *rapid.T) script.Report {
		r := script.Report{
			Promise: rapid.String().Draw(t, "promise"), File: rapid.String().Draw(t, "file"), Took: time.Duration(rapid.IntRange(0, 600_000).Draw(t, "took")) * ms,
			Cluster: script.Cluster{Web: rapid.IntRange(0, 9).Draw(t, "web"), Balancers: rapid.IntRange(0, 3).Draw(t, "balancers"), Plain: rapid.IntRange(0, 2).Draw(t, "plain"), Clients: rapid.IntRange(0, 1).Draw(t, "clients")},
		}
		if rapid.Bool().Draw(t, "failed") {
			r.Failure = &script.Failure{Line: 7, Text: rapid.String().Draw(t, "text"), Seen: rapid.String().Draw(t, "seen"), Verdict: script.Failed, At: r.Took}
		}
		states := []script.State{
			"", script.StateAlive, script.StateSuspect, script.StateDown, script.StateLeft, script.StateNoQuorum, script.StateInStep, script.StateNotInStep,
			script.StateServes, script.StateDrained, script.StateOut, script.StateNobody, script.HeldBy("lb1"), script.HeldBy("web2"), script.HeldBy("<&>"),
		}
		if rapid.Bool().Draw(t, "resource") {
			r.Cluster.Resources = []script.Resource{{Name: "vip"}}
		}
		for range rapid.IntRange(0, 90).Draw(t, "moments") {
			at := time.Duration(rapid.IntRange(-1000, 600_000).Draw(t, "at")) * ms
			r.Moments = append(r.Moments, script.Moment{
				At:   at,
				Lane: rapid.SampledFrom([]string{script.LaneFault, script.LaneOperator, script.LaneCluster, script.LaneClient, "web1", "web2", "lb1", "lb1/haproxy", "lb2/haproxy", "app1", "vip", "<x>"}).Draw(t, "lane"),
				Kind: rapid.SampledFrom([]string{script.KindFault, script.KindOrder, script.KindFailed, "node.suspect", "balancer.server"}).Draw(t, "kind"),
				What: rapid.String().Draw(t, "what"), Reason: rapid.String().Draw(t, "reason"), Bad: rapid.Bool().Draw(t, "bad"), Good: rapid.Bool().Draw(t, "good"),
				Subject: rapid.SampledFrom([]string{"", "web/web1", "web/web2", "&"}).Draw(t, "subject"), State: rapid.SampledFrom(states).Draw(t, "state"),
			})
		}
		for range rapid.IntRange(0, 40).Draw(t, "results") {
			r.Results = append(r.Results, script.Result{
				Text: "expect " + rapid.String().Draw(t, "expected"), Verdict: script.OK,
				Began: time.Duration(rapid.IntRange(0, 600_000).Draw(t, "began")) * ms, Took: time.Duration(rapid.IntRange(0, 20_000).Draw(t, "waited")) * ms,
			})
		}
		for _, res := range r.Results {
			r.Took = max(r.Took, res.Began+res.Took)
		}
		return r
	})
}

// TestAnyReportCanBeShown: whatever words and times it holds.
func TestAnyReportCanBeShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genReport().Draw(t, "report")
		svg := timeline.SVG(r)
		checkLabels(t, read(t, svg))
		if diff := cmp.Diff(string(svg), string(timeline.SVG(r))); diff != "" {
			t.Fatalf("it is another picture:\n%s", diff)
		}
		for line := range strings.SplitSeq(timeline.Text(r), "\n") {
			if utf8.RuneCountInString(line) > 100 {
				t.Fatalf("%d columns: %s", utf8.RuneCountInString(line), line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("control characters: %q", line)
			}
		}
	})
}

// TestStatesAreTold: each state of each lane is in the picture, with its reason.
func TestStatesAreTold(t *testing.T) {
	svg := string(timeline.SVG(few()))
	for _, want := range []string{
		"down from 1.004s to 2.300s: web1: alive → down: 4 of 5 voters do not hear it",
		"drained from 0.831s to 1.020s", "out from 1.031s to 3.900s", "prefers-color-scheme:dark", "2 requests failed within 40ms",
		"line 8: expect web/web1 out within 5s: ok after 700ms: web/web1 is MAINT on lb2",
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("it does not tell %q", want)
		}
	}
}

// TestLanesWithoutStates are drawn by what is bad and what is good.
func TestLanesWithoutStates(t *testing.T) {
	r := script.Report{Cluster: script.Cluster{Web: 1}, Took: time.Second, Moments: []script.Moment{
		{At: 200 * ms, Lane: "web1", What: "it is gone", Bad: true}, {At: 700 * ms, Lane: "web1", What: "it is back", Good: true},
	}}
	svg := string(timeline.SVG(r))
	for _, want := range []string{"trouble from 0.200s to 0.700s: it is gone", "alive from 0.700s to 1.000s: it is back"} {
		if !strings.Contains(svg, want) {
			t.Errorf("it does not tell %q", want)
		}
	}
}
