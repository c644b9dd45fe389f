// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/gate"
)

// BenchmarkSet moves a deadline.
func BenchmarkSet(b *testing.B) {
	for _, class := range []gate.Class{gate.ClassGate, gate.ClassTimedSet} {
		b.Run(string(class), func(b *testing.B) {
			bench := newBench(b, "ipv4")
			g := bench.open(class)
			bench.mustSet(g, time.Hour)
			for b.Loop() {
				bench.mustSet(g, time.Hour)
			}
			bench.clearAndClose(g)
		})
	}
}

// BenchmarkPrepare puts the gate on an interface.
func BenchmarkPrepare(b *testing.B) {
	bench := newBench(b, "ipv4")
	for b.Loop() {
		b.StopTimer()
		g := bench.open(gate.ClassGate)
		b.StartTimer()
		must(b, g.Prepare(eth0))
		b.StopTimer()
		must(b, g.Close())
		b.StartTimer()
	}
}

// BenchmarkProgram runs the program on one packet, without the system call that asks for it.
func BenchmarkProgram(b *testing.B) {
	bench := newBench(b, "ipv4")
	g := bench.open(gate.ClassGate)
	addr := netip.MustParseAddr("10.0.0.100")
	must(b, g.Set(addr, trial, now(b)+time.Hour.Nanoseconds()))
	packet := frame(b, macs+ip4Head+other4+gated4+udp)
	spent, runs := time.Duration(0), 0
	for b.Loop() {
		one, err := gate.Time(g, packet)
		must(b, err)
		spent += one
		runs++
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(runs), "ns/packet")
	must(b, g.Clear(addr, trial))
	must(b, g.Close())
}

// BenchmarkLateness lets deadlines pass and reports when the last request that was answered was sent, after (or, below zero, before) the
// deadline. The pause between requests limits how exact that is.
func BenchmarkLateness(b *testing.B) {
	const lead = 30 * time.Millisecond
	for _, class := range []gate.Class{gate.ClassGate, gate.ClassTimedSet} {
		for _, family := range []string{"ipv4", "ipv6"} {
			b.Run(fmt.Sprintf("%s/%s", class, family), func(b *testing.B) {
				bench := newBench(b, family)
				g := bench.open(class)
				var late []time.Duration
				for b.Loop() {
					bench.mustSet(g, time.Hour)
					if !bench.answers(bench.vip, patience) {
						b.Fatal("open, and it does not answer")
					}
					until, inTime := bench.trySet(g, lead)
					if !inTime {
						continue
					}
					answered := bench.ask(until + lead.Nanoseconds())
					if len(answered) > 0 {
						late = append(late, time.Duration(slices.Max(answered)-until))
					}
				}
				if len(late) > 0 {
					slices.Sort(late)
					b.ReportMetric(float64(late[len(late)/2].Microseconds()), "p50-µs")
					b.ReportMetric(float64(late[len(late)-1].Microseconds()), "max-µs")
				}
				bench.clearAndClose(g)
			})
		}
	}
}
