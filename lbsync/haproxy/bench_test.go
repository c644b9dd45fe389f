// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// crowdSize is how many servers the crowd has.
const crowdSize = 1000

// crowd starts a HAProxy with many servers and returns the operations that drain and that restore them.
func crowd(tb testing.TB) (*Driver, []lbsync.Op, []lbsync.Op) {
	tb.Helper()
	var servers strings.Builder
	var out, back []lbsync.Op
	for i := range crowdSize {
		name := fmt.Sprintf("n%04d", i)
		fmt.Fprintf(&servers, " server %s 127.0.0.1:1\n", name)
		out, back = append(out, op(lbsync.OpDrain, name)), append(back, op(lbsync.OpReady, name))
	}
	p := start(tb, func(dir string) string { return plain(dir, "backend web\n"+servers.String()) })
	return p.driver(Options{}), out, back
}

func TestThousandServersInOneApply(t *testing.T) {
	d, out, back := crowd(t)
	s := observe(t, d, "web")
	s = apply(t, d, s.Epoch, out...)
	if kept := lbsync.Keep(s); len(s.Servers) != crowdSize || len(kept) != crowdSize {
		t.Fatalf("%d servers, %d drained", len(s.Servers), len(kept))
	}
	if kept := lbsync.Keep(apply(t, d, s.Epoch, back...)); len(kept) != 0 {
		t.Fatalf("%d are still drained", len(kept))
	}
}

// BenchmarkDrain1000 drains 1000 servers and reads all of them back. The target is 50 ms.
func BenchmarkDrain1000(b *testing.B) {
	d, out, back := crowd(b)
	s := observe(b, d, "web")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ops := out
		if i%2 == 1 {
			ops = back
		}
		apply(b, d, s.Epoch, ops...)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/drain")
}

// BenchmarkObserve1000 reads 1000 servers, as each poll does.
func BenchmarkObserve1000(b *testing.B) {
	d, _, _ := crowd(b)
	b.ReportAllocs()
	for b.Loop() {
		observe(b, d, "web")
	}
}

// BenchmarkDrainOne is the fast path of one suspected member among 1000.
func BenchmarkDrainOne(b *testing.B) {
	d, out, _ := crowd(b)
	s := observe(b, d, "web")
	b.ReportAllocs()
	for b.Loop() {
		apply(b, d, s.Epoch, out[0])
	}
}
