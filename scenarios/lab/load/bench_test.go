// SPDX-License-Identifier: Apache-2.0

package load_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
)

// BenchmarkClient runs 1000 requests/s for a second per iteration and reports the share of one core that the client takes.
func BenchmarkClient(b *testing.B) {
	_, url := startApp(b, "n1")
	for name, fresh := range map[string]bool{"keep-alive": false, "new-connections": true} {
		b.Run(name, func(b *testing.B) {
			start, cpu := time.Now(), cpuTime(b)
			for b.Loop() {
				c, err := load.New(load.Options{Targets: []string{url}, Rate: 1000, NewConnections: fresh})
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(b.Context(), time.Second)
				if _, err := c.Run(ctx); err != nil {
					b.Fatal(err)
				}
				cancel()
			}
			b.ReportMetric(100*float64(cpuTime(b)-cpu)/float64(time.Since(start)), "%core")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
