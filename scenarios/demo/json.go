// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"encoding/json"
	"fmt"
	"io"
)

// facts are what holds for all acts of a demo.
type facts struct {
	Timing     string   `json:"timing"`
	Runs       int      `json:"runs"`
	HAProxy    string   `json:"haproxy"`
	Namespaces bool     `json:"namespaces"`
	Rate       int      `json:"requests_per_second"`
	Notes      []string `json:"notes"`
}

type reportJSON struct {
	Acts []actJSON `json:"acts"`
	facts
}

// actJSON has the medians when an act was played several times; then Runs has all values.
type actJSON struct {
	Name     string    `json:"name"`
	DetectMs float64   `json:"detect_ms"`
	OutMs    float64   `json:"out_ms"`
	Failed   float64   `json:"failed_requests"`
	Slow     float64   `json:"slow_requests"`
	Peer     *peerJSON `json:"peer,omitempty"`
	Runs     []actJSON `json:"runs,omitempty"`
}

type peerJSON struct {
	Name   string  `json:"name"`
	OutMs  float64 `json:"out_ms"`
	Failed float64 `json:"failed_requests"`
	Slow   float64 `json:"slow_requests"`
}

func writeJSON(w io.Writer, f facts, summaries []summary) error {
	report := reportJSON{Acts: []actJSON{}, facts: f}
	name := "haproxy " + f.HAProxy + ", its own default checks"
	for _, s := range summaries {
		act := s.json(name)
		if len(s.runs) > 1 {
			for _, run := range s.runs {
				act.Runs = append(act.Runs, summarize([]Result{run})[0].json(name))
			}
		}
		report.Acts = append(report.Acts, act)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(report); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

func (s summary) json(peerName string) actJSON {
	act := actJSON{
		Name: s.act, DetectMs: s.detected.Median,
		OutMs: s.kept.out.Median, Failed: s.kept.failed.Median, Slow: s.kept.slow.Median,
	}
	if s.peer != nil {
		act.Peer = &peerJSON{Name: peerName, OutMs: s.peer.out.Median, Failed: s.peer.failed.Median, Slow: s.peer.slow.Median}
	}
	return act
}
