// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

func BenchmarkAddNode(b *testing.B) {
	l := newLab(b, "ba", 0)
	added := 0
	for b.Loop() {
		if _, err := l.AddNode(b.Context(), fmt.Sprintf("n%d", added)); err != nil {
			b.Fatal(err)
		}
		added++
		if added == 150 {
			b.StopTimer()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			l, added = newLab(b, "ba", 0), 0
			b.StartTimer()
		}
	}
}

func BenchmarkCutAndHeal(b *testing.B) {
	l := newLab(b, "bb", 3)
	n1, acted := l.Node("n1"), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		at, err := l.Cut(n1)
		if err != nil {
			b.Fatal(err)
		}
		acted += at.Sub(start)
		if _, err := l.Heal(n1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(acted.Microseconds())/float64(b.N), "µs-to-cut")
}

func BenchmarkPowerCycle(b *testing.B) {
	l := newLab(b, "bc", 2)
	n1, off, acted := l.Node("n1"), time.Duration(0), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		at, err := l.PowerOff(n1)
		if err != nil {
			b.Fatal(err)
		}
		acted += at.Sub(start)
		off += time.Since(start)
		if _, err := l.PowerOn(b.Context(), n1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(acted.Microseconds())/float64(b.N), "µs-to-silence")
	b.ReportMetric(float64(off.Microseconds())/float64(b.N), "µs-off")
}

func BenchmarkStart(b *testing.B) {
	l := newLab(b, "bd", 1)
	for b.Loop() {
		p, err := l.Node("n1").Start(b.Context(), lab.Cmd{Name: "true"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDial(b *testing.B) {
	l := newLab(b, "be", 2)
	startApp(b, l.Node("n2"))
	for b.Loop() {
		conn, err := l.Node("n1").Dial(b.Context(), "tcp", "10.77.0.2:8080")
		if err != nil {
			b.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
