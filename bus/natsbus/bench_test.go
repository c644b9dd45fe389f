// SPDX-License-Identifier: Apache-2.0

package natsbus_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// BenchmarkLatency measures one heartbeat of ordinary size from Send to the handler of another node, two rails, three nodes in one process.
func BenchmarkLatency(b *testing.B) {
	nodes := mesh(b, 3)
	payload := make([]byte, 600)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		seq := nodes[0].send("", bus.KindHeartbeat, payload)
		for {
			got := nodes[1].from("n1")
			if len(got) > 0 && got[len(got)-1] >= seq {
				break
			}
			if time.Since(began) > patience {
				b.Fatal("lost")
			}
			time.Sleep(10 * time.Microsecond)
		}
		took = append(took, time.Since(began))
		nodes[1].mu.Lock()
		nodes[1].got, nodes[1].rail = nil, nil
		nodes[1].mu.Unlock()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkBeating reports the processor time of five nodes that beat ten times a second on two rails, all in one process: percent of one core per node.
func BenchmarkBeating(b *testing.B) {
	nodes := mesh(b, 5)
	payload := make([]byte, 600)
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began, cpu := time.Now(), used()
	for b.Loop() {
		for _, n := range nodes {
			n.send("", bus.KindHeartbeat, payload)
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.ReportMetric(100*float64(used()-cpu)/float64(time.Since(began))/float64(len(nodes)), "%cpu/node")
}
