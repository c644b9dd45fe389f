// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

func TestJudgeStories(t *testing.T) {
	datadriven.Walk(t, "testdata/judge", func(t *testing.T, path string) {
		story := &judgeStory{}
		datadriven.RunTest(t, path, story.command)
	})
}

// judgeStory runs the commands of one file. Each line of "play" is "WHEN ok|fail|proof|state REASON...", where WHEN is
// a time from the start of the story.
type judgeStory struct {
	judge *Judge
}

func (s *judgeStory) command(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "judge":
		var p JudgeParams
		d.ScanArgs(t, "rise", &p.Rise)
		d.ScanArgs(t, "fall", &p.Fall)
		if d.HasArg("max-flips") {
			d.ScanArgs(t, "max-flips", &p.MaxFlips)
			p.FlipWindow, p.HoldDown = argDuration(t, d, "window"), argDuration(t, d, "hold-down")
		}
		s.judge = NewJudge(p)
		return ""
	case "play":
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			s.act(t, &out, strings.TrimSpace(line))
		}
		if out.Len() == 0 {
			return "(nothing)\n"
		}
		return out.String()
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
		return ""
	}
}

func (s *judgeStory) act(t *testing.T, out *strings.Builder, line string) {
	when, rest, _ := strings.Cut(line, " ")
	at, err := time.ParseDuration(when)
	if err != nil {
		t.Fatal(err)
	}
	what, reason, _ := strings.Cut(rest, " ")
	if what == "state" {
		condition, why, since := s.judge.State()
		fmt.Fprintf(out, "%s: is %s: %s", when, condition, why)
		if !since.IsZero() {
			fmt.Fprintf(out, " (since %s)", since.Sub(start))
		}
		fmt.Fprintln(out)
		return
	}
	result, known := map[string]Result{"ok": {OK: true}, "fail": {}, "proof": {Hard: true}}[what]
	if !known {
		t.Fatalf("unknown act %q", what)
	}
	result.Reason = reason
	if c, ok := s.judge.Step(start.Add(at), result); ok {
		fmt.Fprintf(out, "%s: %s -> %s: %s\n", c.At.Sub(start), c.From, c.To, c.Reason)
	}
}

func TestJudgeParams(t *testing.T) {
	if err := (JudgeParams{Rise: 2, Fall: 3}).Validate(); err != nil {
		t.Errorf("good parameters: %v", err)
	}
	err := JudgeParams{Rise: 0, Fall: 1001, MaxFlips: 3}.Validate()
	want := "rise is 0: must be from 1 to 1000\n" +
		"fall is 1001: must be from 1 to 1000\n" +
		"flip window is 0s: must be more than 0s when max flips is set\n" +
		"hold-down is 0s: must be more than 0s when max flips is set"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := (JudgeParams{Rise: 1, Fall: 1, MaxFlips: -1}).Validate(); err == nil {
		t.Error("max flips -1 was accepted")
	}
	defer func() {
		if recover() == nil {
			t.Error("a judge was made with bad parameters")
		}
	}()
	NewJudge(JudgeParams{})
}

// TestJudgeParamsAtTheirBounds asks for what is just allowed, and for a little more or less.
func TestJudgeParamsAtTheirBounds(t *testing.T) {
	for name, edit := range map[string]func(p *JudgeParams, by int){
		"most flips":     func(p *JudgeParams, by int) { p.MaxFlips = 1000 + by },
		"fewest flips":   func(p *JudgeParams, by int) { p.MaxFlips = -by },
		"longest rise":   func(p *JudgeParams, by int) { p.Rise = 1000 + by },
		"shortest rise":  func(p *JudgeParams, by int) { p.Rise = 1 - by },
		"longest fall":   func(p *JudgeParams, by int) { p.Fall = 1000 + by },
		"shortest fall":  func(p *JudgeParams, by int) { p.Fall = 1 - by },
		"narrow window":  func(p *JudgeParams, by int) { p.FlipWindow = 1 - time.Duration(by) },
		"short holddown": func(p *JudgeParams, by int) { p.HoldDown = 1 - time.Duration(by) },
	} {
		p := JudgeParams{Rise: 1, Fall: 1, MaxFlips: 1, FlipWindow: time.Second, HoldDown: time.Second}
		if edit(&p, 0); p.Validate() != nil {
			t.Errorf("%s: %v", name, p.Validate())
		}
		if edit(&p, 1); p.Validate() == nil {
			t.Errorf("%s: one beyond is accepted", name)
		}
	}
}

// TestJudgeProperties plays random results at random times, the clock stepping both ways.
func TestJudgeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second
		p := JudgeParams{
			Rise: rapid.IntRange(1, 4).Draw(t, "rise"), Fall: rapid.IntRange(1, 4).Draw(t, "fall"),
			MaxFlips: rapid.IntRange(0, 5).Draw(t, "max-flips"), FlipWindow: window,
			HoldDown: window + time.Duration(rapid.IntRange(0, 60).Draw(t, "hold-down"))*time.Second,
		}
		j, now := NewJudge(p), start
		var elapsed, heldUntil time.Duration
		var flips []time.Duration
		oks, fails, proof := 0, 0, false
		for range rapid.IntRange(1, 200).Draw(t, "results") {
			step := time.Duration(rapid.IntRange(-500, 2000).Draw(t, "step")) * time.Millisecond
			now, elapsed = now.Add(step), elapsed+max(0, step)
			r := Result{OK: rapid.Bool().Draw(t, "ok")}
			r.Hard = !r.OK && rapid.IntRange(0, 9).Draw(t, "hard") == 0
			if r.OK {
				oks, fails, proof = oks+1, 0, false
			} else {
				oks, fails, proof = 0, fails+1, proof || r.Hard
			}
			before, _, _ := j.State()
			c, changed := j.Step(now, r)
			after, reason, since := j.State()
			if !changed {
				if before != after {
					t.Fatalf("went %s -> %s without saying so", before, after)
				}
				continue
			}
			if c.From != before || c.To != after || c.Reason != reason || reason == "" {
				t.Fatalf("said %+v, but went %s -> %s: %s", c, before, after, reason)
			}
			if elapsed < heldUntil {
				t.Fatalf("%+v while held down", c)
			}
			if c.From == c.To {
				if c.To != Down || !strings.HasPrefix(c.Reason, "flapping") {
					t.Fatalf("no change at all: %+v", c)
				}
			} else if !since.Equal(now) {
				t.Fatalf("changed at %s, but is so since %s", now, since)
			}
			switch {
			case c.To == Unknown:
				t.Fatalf("went back to unknown: %+v", c)
			case c.To == Up && c.From == Unknown && oks < 1, c.To == Up && c.From == Down && oks < p.Rise:
				t.Fatalf("%+v after %d successes, rise %d", c, oks, p.Rise)
			case c.To == Down && c.From != Down && fails < p.Fall && !proof:
				t.Fatalf("%+v after %d failures, fall %d", c, fails, p.Fall)
			}
			if strings.HasPrefix(c.Reason, "flapping") {
				heldUntil = elapsed + p.HoldDown
			}
			if c.From == Unknown || c.From == c.To || p.MaxFlips == 0 {
				continue
			}
			flips = append(flips, elapsed)
			// One more than MaxFlips may happen: the change down that begins the hold-down.
			if n := len(flips) - p.MaxFlips - 2; n >= 0 && elapsed-flips[n] < p.FlipWindow {
				t.Fatalf("%d changes within %s", p.MaxFlips+2, elapsed-flips[n])
			}
		}
	})
}

// TestJudgeMonotone says that failures never help: of two judges that see the same results, but for some successes of
// the one that are failures to the other, the other is never up while the first is down.
func TestJudgeMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := JudgeParams{Rise: rapid.IntRange(1, 4).Draw(t, "rise"), Fall: rapid.IntRange(1, 4).Draw(t, "fall")}
		lucky, unlucky := NewJudge(p), NewJudge(p)
		for i := range rapid.IntRange(1, 100).Draw(t, "results") {
			at := start.Add(time.Duration(i) * time.Second)
			ok := rapid.Bool().Draw(t, "ok")
			lucky.Step(at, Result{OK: ok})
			unlucky.Step(at, Result{OK: ok && rapid.Bool().Draw(t, "luck")})
			a, _, _ := lucky.State()
			b, _, _ := unlucky.State()
			if b == Up && a == Down {
				t.Fatalf("result %d: the judge that saw more failures is up, the other is down", i)
			}
		}
	})
}
