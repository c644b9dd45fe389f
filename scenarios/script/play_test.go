// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// head stands above the steps of every story.
const head = "promise It holds.\nworld sim\ncluster 3 web, 2 balancers\nclient 50/s\n"

// TestPlay runs the stories in testdata/play: the steps of a script, and below "in" the world in which they are played. It
// prints what is told on the way, and the report.
func TestPlay(t *testing.T) {
	datadriven.Walk(t, "testdata/play", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			steps, world, _ := strings.Cut(d.Input+"\n", "\nin\n")
			s, err := script.Parse("it.txt", []byte(head+steps))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			stage := readPaper(t, world)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stage.cancel = cancel
			report := script.Play(ctx, s, stage, func(step script.Step, r script.Result) {
				if step.Line != r.Line || step.Text != r.Text {
					t.Errorf("step %d is told as line %d, %q", step.Line, r.Line, r.Text)
				}
				fmt.Fprintf(&out, "%d %s: %s, %s + %s", r.Line, r.Text, r.Verdict, r.Began, r.Took)
				if r.Seen != "" {
					fmt.Fprintf(&out, ": %s", r.Seen)
				}
				out.WriteString("\n")
			})
			if report.Kept() != (report.Failure == nil) {
				t.Error("it is kept, and failed")
			}
			fmt.Fprintf(&out, "= %s\n", report)
			for _, m := range report.Moments {
				fmt.Fprintf(&out, "  %s %s %s: %s\n", m.At, m.Lane, m.Kind, m.What)
			}
			return out.String()
		})
	})
}

// TestReportIsForPrograms: it is the same after a way through JSON.
func TestReportIsForPrograms(t *testing.T) {
	s, err := script.Parse("it.txt", []byte(head+"kill web1\nnever lost more than 5\nwait 2s\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := script.Play(t.Context(), s, readPaper(t, "so 1s lost more than 5: 6 were lost"), nil)
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got script.Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it changed (-want +got):\n%s", diff)
	}
	if got.Failure == nil || got.Failure.During != 7 || got.Results[1].Verdict != script.Failed {
		t.Errorf("%s", text)
	}
}
