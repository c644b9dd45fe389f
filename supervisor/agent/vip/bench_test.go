// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

func BenchmarkRefresh(b *testing.B) {
	h := segment.New(b).Host(host4, host6)
	links := open(b, h, vip.Options{})
	for name, prefix := range map[string]string{"ipv4": vip4, "ipv6": vip6} {
		b.Run(name, func(b *testing.B) {
			a := on(segment.Interface, prefix)
			must(b, links.Add(b.Context(), a, time.Minute))
			for b.Loop() {
				if there, err := links.Refresh(b.Context(), a, time.Minute); err != nil || !there {
					b.Fatal(there, err)
				}
			}
		})
	}
}

// BenchmarkExpiry lets addresses expire, each a while after the one before, and reports how late the kernel was.
func BenchmarkExpiry(b *testing.B) {
	for name, prefix := range map[string]string{"ipv4": vip4, "ipv6": vip6} {
		b.Run(name, func(b *testing.B) {
			h := segment.New(b).Host(host4, host6)
			links := open(b, h, vip.Options{})
			ctx, cancel := context.WithCancel(b.Context())
			gone, done := make(chan time.Time, 100), make(chan error, 1)
			go func() {
				done <- links.Watch(ctx, func(c vip.Change) {
					if c.Kind == vip.AddressGone {
						gone <- time.Now()
					}
				})
			}()
			var late []time.Duration
			for b.Loop() {
				const valid = 2 * time.Second
				time.Sleep(time.Duration(len(late)*337%1000) * time.Millisecond) // the kernel looks once a second
				start := time.Now()
				must(b, links.Add(b.Context(), on(segment.Interface, prefix), valid))
				late = append(late, (<-gone).Sub(start.Add(valid)))
			}
			slices.Sort(late)
			b.ReportMetric(float64(late[len(late)/2].Milliseconds()), "p50-ms")
			b.ReportMetric(float64(late[0].Milliseconds()), "min-ms")
			b.ReportMetric(float64(late[len(late)-1].Milliseconds()), "max-ms")
			cancel()
			must(b, <-done)
		})
	}
}
