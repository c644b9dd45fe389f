// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"math"
	"slices"
	"time"
)

// Result is what one act cost, once.
type Result struct {
	Act      string
	Detected time.Duration // until Evenkeel noticed
	Kept     Cost          // through the HAProxies that Evenkeel keeps
	Peer     *Cost         // through those that it does not touch; nil if there are none
}

// Cost is what an act cost the users of one kind of balancer.
type Cost struct {
	Out    time.Duration // until the last balancer had the server out of rotation
	Failed int           // requests that failed: refused, reset, not answered in 5 s, or answered wrongly
	Slow   int           // requests that were answered after more than 0.5 s
	Late   time.Duration // by which the client itself sent a request too late, at most: how busy the machine was
}

// summary has the medians of the runs of one act.
type summary struct {
	act      string
	detected spread
	kept     costs
	peer     *costs
	runs     []Result
}

type costs struct{ out, failed, slow spread }

// spread is the median of some values, with the least and the greatest; times are in milliseconds.
type spread struct{ Median, Min, Max float64 }

// summarize joins the results by act, in the order in which the acts first came.
func summarize(results []Result) []summary {
	var out []summary
	for _, name := range Acts() {
		s := summary{act: name}
		for _, r := range results {
			if r.Act == name {
				s.runs = append(s.runs, r)
			}
		}
		if len(s.runs) == 0 {
			continue
		}
		s.detected = spreadOf(s.runs, func(r Result) float64 { return milliseconds(r.Detected) })
		s.kept = costsOf(s.runs, func(r Result) Cost { return r.Kept })
		if s.runs[0].Peer != nil {
			peers := costsOf(s.runs, func(r Result) Cost { return *r.Peer })
			s.peer = &peers
		}
		out = append(out, s)
	}
	return out
}

func costsOf(runs []Result, cost func(Result) Cost) costs {
	return costs{
		out:    spreadOf(runs, func(r Result) float64 { return milliseconds(cost(r).Out) }),
		failed: spreadOf(runs, func(r Result) float64 { return float64(cost(r).Failed) }),
		slow:   spreadOf(runs, func(r Result) float64 { return float64(cost(r).Slow) }),
	}
}

func spreadOf(runs []Result, value func(Result) float64) spread {
	values := make([]float64, 0, len(runs))
	for _, r := range runs {
		values = append(values, value(r))
	}
	slices.Sort(values)
	n := len(values)
	return spread{Median: round((values[(n-1)/2] + values[n/2]) / 2), Min: values[0], Max: values[n-1]}
}

// milliseconds returns d in milliseconds, to a tenth: the stop-watch looks once in a millisecond.
func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

func round(v float64) float64 { return math.Round(v*10) / 10 }
