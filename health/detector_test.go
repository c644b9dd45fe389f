// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// start is the reading of the test's clock at the beginning of every story.
var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestDetectorStories(t *testing.T) {
	datadriven.Walk(t, "testdata/detector", func(t *testing.T, path string) {
		story := &detectorStory{now: start}
		datadriven.RunTest(t, path, story.command)
	})
}

// detectorStory runs the commands of one file. Each line of a command's input is one act, "WHEN ACT ...", where WHEN is
// a time from the start of the story.
type detectorStory struct {
	detector *Detector
	now      time.Time
	out      strings.Builder
}

func (s *detectorStory) command(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	switch d.Cmd {
	case "detector":
		var p DetectorParams
		p.Beat, p.Tick = argDuration(t, d, "beat"), argDuration(t, d, "tick")
		p.Slack = argDuration(t, d, "slack")
		d.ScanArgs(t, "missed", &p.Missed)
		s.detector = NewDetector(p)
		return fmt.Sprintf("limit %s\n", p.Limit())
	case "play":
		for line := range strings.Lines(d.Input) {
			s.act(t, strings.Fields(line))
		}
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
	if s.out.Len() == 0 {
		return "(nothing)\n"
	}

	return s.out.String()
}

func (s *detectorStory) act(t *testing.T, words []string) {
	when, err := time.ParseDuration(words[0])
	if err != nil {
		t.Fatal(err)
	}
	s.now = start.Add(when)
	switch words[1] {
	case "watch":
		for _, node := range words[2:] {
			s.detector.Watch(s.now, node)
		}
	case "forget":
		s.detector.Forget(words[2])
	case "beat": // beat BOOT NODE...
		var boot uint64
		if _, err := fmt.Sscan(words[2], &boot); err != nil {
			t.Fatal(err)
		}
		for _, node := range words[3:] {
			if v, ok := s.detector.Beat(s.now, node, boot); ok {
				s.print(v)
			}
		}
	case "tick":
		for _, v := range s.detector.Tick(s.now) {
			s.print(v)
		}
	case "ticks-until": // ticks-until END: one tick after another
		end, err := time.ParseDuration(words[2])
		if err != nil {
			t.Fatal(err)
		}
		for ; !s.now.After(start.Add(end)); s.now = s.now.Add(s.detector.params.Tick) {
			for _, v := range s.detector.Tick(s.now) {
				s.print(v)
			}
		}
	case "state":
		for _, p := range s.detector.peers {
			st, _ := s.detector.State(s.now, p.name)
			fmt.Fprintf(&s.out, "%s: %s %s, boot %d, heard %t, silent for %s\n",
				words[0], p.name, st.State, st.Boot, st.Heard, st.Silence)
		}
	case "heard":
		within, err := time.ParseDuration(words[2])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&s.out, "%s: heard within %s: %v\n", words[0], within, s.detector.Heard(s.now, within))
	case "deadline":
		at, ok := s.detector.Deadline()
		if !ok {
			fmt.Fprintf(&s.out, "%s: nothing to wait for\n", words[0])
			return
		}
		fmt.Fprintf(&s.out, "%s: tick at %s at the latest\n", words[0], at.Sub(start))
	default:
		t.Fatalf("unknown act %q", words[1])
	}
}

func (s *detectorStory) print(v Verdict) {
	fmt.Fprintf(&s.out, "%s: %s %s, boot %d: %s\n", v.At.Sub(start), v.Node, v.State, v.Boot, v.Reason)
}

func argDuration(t *testing.T, d *datadriven.TestData, key string) time.Duration {
	t.Helper()
	var text string
	d.ScanArgs(t, key, &text)
	v, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%s: %v", key, err)
	}

	return v
}

func TestDetectorParams(t *testing.T) {
	good := DetectorParams{Beat: 50 * time.Millisecond, Missed: 3, Tick: 20 * time.Millisecond, Slack: 10 * time.Millisecond}
	if err := good.Validate(); err != nil {
		t.Errorf("good parameters: %v", err)
	}
	if got, want := good.Limit(), 160*time.Millisecond; got != want {
		t.Errorf("limit %s, want %s", got, want)
	}
	err := DetectorParams{Beat: -1, Missed: 0, Tick: 2 * time.Hour, Slack: -1}.Validate()
	want := "beat is -1ns: must be more than 0s and at most 1h0m0s\n" +
		"missed is 0: must be from 1 to 1000\n" +
		"tick is 2h0m0s: must be more than 0s and at most 1h0m0s\n" +
		"slack is -1ns: must be at least 0s and at most 1h0m0s"
	if err == nil || err.Error() != want {
		t.Errorf("bad parameters: got %v, want %s", err, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("a detector was made with bad parameters")
		}
	}()
	NewDetector(DetectorParams{})
}

// TestDetectorParamsAtTheirBounds asks for what is just allowed, and for a little more or less.
func TestDetectorParamsAtTheirBounds(t *testing.T) {
	for name, edit := range map[string]func(p *DetectorParams, by int){
		"longest beat":   func(p *DetectorParams, by int) { p.Beat = time.Hour + time.Duration(by) },
		"shortest beat":  func(p *DetectorParams, by int) { p.Beat = 1 - time.Duration(by) },
		"longest tick":   func(p *DetectorParams, by int) { p.Tick = time.Hour + time.Duration(by) },
		"shortest tick":  func(p *DetectorParams, by int) { p.Tick = 1 - time.Duration(by) },
		"longest slack":  func(p *DetectorParams, by int) { p.Slack = time.Hour + time.Duration(by) },
		"shortest slack": func(p *DetectorParams, by int) { p.Slack = -time.Duration(by) },
		"most missed":    func(p *DetectorParams, by int) { p.Missed = 1000 + by },
		"fewest missed":  func(p *DetectorParams, by int) { p.Missed = 1 - by },
	} {
		p := DetectorParams{Beat: time.Second, Missed: 3, Tick: time.Second}
		if edit(&p, 0); p.Validate() != nil {
			t.Errorf("%s: %v", name, p.Validate())
		}
		if edit(&p, 1); p.Validate() == nil {
			t.Errorf("%s: one beyond is accepted", name)
		}
	}
}

// TestDetectorProperties plays random calls, the clock stepping both ways, and checks what must hold for any of them.
func TestDetectorProperties(t *testing.T) {
	nodes := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		p := DetectorParams{
			Beat:   time.Duration(rapid.IntRange(1, 100).Draw(t, "beat")) * time.Millisecond,
			Missed: rapid.IntRange(1, 5).Draw(t, "missed"),
			Tick:   time.Duration(rapid.IntRange(1, 50).Draw(t, "tick")) * time.Millisecond,
			Slack:  time.Duration(rapid.IntRange(0, 20).Draw(t, "slack")) * time.Millisecond,
		}
		d, now := NewDetector(p), start
		d.Tick(now)
		var elapsed time.Duration               // true progress, kept by the test
		since := make(map[string]time.Duration) // progress at the last sign of life
		pardons := make(map[string][]time.Duration)
		suspect := make(map[string]bool)
		for range rapid.IntRange(1, 80).Draw(t, "calls") {
			step := time.Duration(rapid.IntRange(-200, 400).Draw(t, "step")) * time.Millisecond
			now, elapsed = now.Add(step), elapsed+max(0, step)
			if late := step - p.Tick; late > 2*p.Tick {
				for _, node := range nodes {
					pardons[node] = append(pardons[node], late)
				}
			}
			node := rapid.SampledFrom(nodes).Draw(t, "node")
			switch rapid.IntRange(0, 5).Draw(t, "call") {
			case 0:
				if _, ok := since[node]; !ok {
					since[node], pardons[node] = elapsed, nil
				}
				d.Watch(now, node)
			case 1, 2:
				v, ok := d.Beat(now, node, 7)
				if ok != suspect[node] {
					t.Fatalf("beat of %s: verdict %t, but suspect was %t", node, ok, suspect[node])
				}
				if ok && v.State != Alive {
					t.Fatalf("beat of %s: %s", node, v.State)
				}
				if _, watched := since[node]; watched {
					since[node], pardons[node] = elapsed, nil
				}
				suspect[node] = false
			default:
				verdicts := d.Tick(now)
				if !slices.IsSortedFunc(verdicts, func(a, b Verdict) int { return strings.Compare(a.Node, b.Node) }) {
					t.Fatalf("not sorted: %v", verdicts)
				}
				for _, v := range verdicts {
					if suspect[v.Node] {
						t.Fatalf("%s: suspect twice in a row", v.Node)
					}
					if silence := elapsed - since[v.Node]; silence <= p.Limit() || v.Silence != silence {
						t.Fatalf("%s: suspect after %s (said %s), limit %s", v.Node, silence, v.Silence, p.Limit())
					}
					suspect[v.Node] = true
				}
				// However often we were late: only the first three times are pardoned.
				for node, at := range since {
					counted := elapsed - at
					for _, late := range pardons[node][:min(3, len(pardons[node]))] {
						counted -= late
					}
					if st, _ := d.State(now, node); (st.State == Alive) != (counted <= p.Limit()) {
						t.Fatalf("%s: %s after %s that count, limit %s", node, st.State, counted, p.Limit())
					}
				}
			}
		}
	})
}

// TestDetectorPunctual asks for no credit where the caller keeps its ticks: a silent node is found by the first tick
// after the limit, and the deadline never lies beyond that.
func TestDetectorPunctual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DetectorParams{
			Beat:   time.Duration(rapid.IntRange(10, 100).Draw(t, "beat")) * time.Millisecond,
			Missed: rapid.IntRange(1, 5).Draw(t, "missed"),
			Tick:   time.Duration(rapid.IntRange(1, 50).Draw(t, "tick")) * time.Millisecond,
			Slack:  time.Duration(rapid.IntRange(0, 20).Draw(t, "slack")) * time.Millisecond,
		}
		d, now := NewDetector(p), start
		d.Watch(now, "a")
		var verdicts []Verdict
		for len(verdicts) == 0 {
			due, ok := d.Deadline()
			if !ok || !due.After(now) {
				t.Fatalf("deadline %s %t at %s", due, ok, now)
			}
			now = due
			verdicts = d.Tick(now)
		}
		if got, want := verdicts[0].Silence, p.Limit()+time.Nanosecond; got != want {
			t.Fatalf("suspect after %s, want %s", got, want)
		}
		if _, ok := d.Deadline(); ok {
			t.Fatal("a deadline although everyone is suspect")
		}
	})
}

func TestDetectorUnwatched(t *testing.T) {
	d := NewDetector(DetectorParams{Beat: time.Second, Missed: 3, Tick: time.Second})
	if v, ok := d.Beat(start, "ghost", 1); ok {
		t.Errorf("verdict on a node that is not watched: %v", v)
	}
	if st, ok := d.State(start, "ghost"); ok {
		t.Errorf("state of a node that is not watched: %v", st)
	}
	d.Forget("ghost")
	if diff := cmp.Diff([]string(nil), d.Heard(start, time.Hour)); diff != "" {
		t.Error(diff)
	}
	if got := Liveness(0).String(); got != "unwatched" {
		t.Errorf("zero liveness is called %q", got)
	}
}

func BenchmarkDetectorTick(b *testing.B) {
	d := NewDetector(DetectorParams{Beat: 50 * time.Millisecond, Missed: 3, Tick: 20 * time.Millisecond, Slack: 10 * time.Millisecond})
	for i := range 16 {
		d.Watch(start, fmt.Sprintf("n%02d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		d.Tick(start)
	}
}
