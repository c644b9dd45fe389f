// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestResult prints tables and JSON of made-up results. A line of the input is one act, played once:
//
//	ACT DETECTED OUT FAILED SLOW [PEER-OUT PEER-FAILED PEER-SLOW]
func TestResult(t *testing.T) {
	datadriven.RunTest(t, "testdata/result.txt", func(t *testing.T, d *datadriven.TestData) string {
		var results []Result
		for line := range strings.Lines(d.Input) {
			results = append(results, parseResult(t, line))
		}
		s := &stage{opts: Options{Runs: 1, Timing: "lan"}, version: "2.6.12"}
		if d.HasArg("runs") {
			d.ScanArgs(t, "runs", &s.opts.Runs)
		}
		s.opts.NoPeer = len(results) == 0 || results[0].Peer == nil
		s.opts.JSON = d.Cmd == "json"
		s.story = newNarrator(Options{Story: io.Discard, Color: d.HasArg("color")})
		var out bytes.Buffer
		s.opts.Out = &out
		if err := s.publish(summarize(results)); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(out.String(), "\x1b", "^")
	})
}

func parseResult(t *testing.T, line string) Result {
	t.Helper()
	r, p := Result{}, Cost{}
	var detected, out, peerOut string
	n, err := fmt.Sscan(line, &r.Act, &detected, &out, &r.Kept.Failed, &r.Kept.Slow, &peerOut, &p.Failed, &p.Slow)
	if n != 5 && n != 8 {
		t.Fatalf("%q: %v", line, err)
	}
	duration := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	r.Detected, r.Kept.Out = duration(detected), duration(out)
	if n == 8 {
		p.Out = duration(peerOut)
		r.Peer = &p
	}
	return r
}
