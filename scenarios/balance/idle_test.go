// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
)

// ticksPerSecond is the unit of the times in /proc/PID/stat (USER_HZ, 100 on Linux).
const ticksPerSecond = 100

// BenchmarkIdleNode prints what a node of a cluster of five costs when nothing happens, with the profile lan: the share of
// one processor, of the dearest node (which leads) and on average, and the resident memory of the dearest. Run it with -benchtime 1x; it takes half a minute.
func BenchmarkIdleNode(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("network namespaces need root")
	}
	s, err := open(b.Context(), "ekidle", fleet.Options{Web: 3, Balancers: 2})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.close(); err != nil {
			b.Error(err)
		}
	})
	if err := s.AwaitWell(b.Context()); err != nil {
		b.Fatal(err)
	}
	time.Sleep(5 * time.Second) // what the start left behind is collected
	const watched = 20 * time.Second
	for b.Loop() {
		before, began := map[string]int{}, time.Now()
		for _, m := range s.Nodes() {
			before[m.Name] = ticks(b, m.Supervisor.HostPID())
		}
		time.Sleep(watched)
		took := time.Since(began).Seconds()
		share, sum, memory := 0.0, 0.0, 0
		for _, m := range s.Nodes() {
			used := float64(ticks(b, m.Supervisor.HostPID())-before[m.Name]) / ticksPerSecond
			share, memory = max(share, 100*used/took), max(memory, resident(b, m.Supervisor.HostPID()))
			sum += 100 * used / took
		}
		b.ReportMetric(share, "%core-dearest")
		b.ReportMetric(sum/float64(len(s.Nodes())), "%core-mean")
		b.ReportMetric(float64(memory)/1024, "MB-RSS")
	}
}

// ticks returns the processor time that a process has used.
func ticks(b *testing.B, pid int) int {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return number(b, fields[11]) + number(b, fields[12]) // utime and stime, see proc(5)
}

// resident returns the resident memory of a process in KiB.
func resident(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	return number(b, strings.Fields(rest)[0])
}

func number(b *testing.B, s string) int {
	b.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
