// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus/membus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
)

// benchCluster runs nodes in real time until the benchmark ends, and waits until
// they all live. There are as many agentless members as asked for.
func benchCluster(b *testing.B, nodes, members int) []*node.Node {
	return recordedCluster(b, nodes, members, func(string) node.Recorder { return nil })
}

// recordedCluster is a benchCluster whose nodes have flight recorders.
func recordedCluster(b *testing.B, nodes, members int, flight func(name string) node.Recorder) []*node.Node {
	spec, net := testSpec(nodes), membus.New()
	for i := range members {
		spec.Pools[0].Members = append(spec.Pools[0].Members, cluster.MemberSpec{
			Name: fmt.Sprintf("m%d", i), Address: fmt.Sprintf("10.1.%d.%d", i/250, i%250+1), Port: 80,
		})
	}
	var out []*node.Node
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, nodes)
	for i, s := range spec.Nodes {
		disk := memwal.New(uint64(i + 1))
		h := &hands{told: map[string][]string{}}
		n := node.New(core.Config{Name: s.Name, Cluster: "test", Version: "bench", Times: times, Bootstrap: &spec, FoundAs: "bench"},
			core.Identity{Install: disk.Install(), Boot: 1},
			node.Ports{Bus: net.Join(string(s.Name)), Store: disk, Prober: proberHands{h}, Guard: guardHands{}, Balancers: balancerHands{h}, Recorder: flight(string(s.Name))},
			zerolog.Nop())
		out = append(out, n)
		go func() { done <- n.Run(ctx) }()
	}
	b.Cleanup(func() {
		stop()
		for range nodes {
			if err := <-done; err != nil {
				b.Error(err)
			}
		}
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if v := out[0].View(); len(v.Nodes) == nodes && v.Nodes[nodes-1].Log == "voter" && v.Quorum.Holds {
			return out
		}
	}
	b.Fatal("the cluster does not form")
	return nil
}

// BenchmarkIdle tells what a node costs that has nothing to do, the bus left
// out: "core%" is the share of one core, per node.
func BenchmarkIdle(b *testing.B) {
	const nodes = 5
	benchCluster(b, nodes, 0)
	b.ReportAllocs()
	for b.Loop() {
		begin, cpu := time.Now(), cpuTime(b)
		time.Sleep(3 * time.Second)
		used := cpuTime(b) - cpu
		b.ReportMetric(100*used.Seconds()/time.Since(begin).Seconds()/nodes, "core%")
	}
}

// stopwatch tells how long the loop is busy with its recorder.
type stopwatch struct {
	*recorder.Recorder
	steps, ns atomic.Int64
}

func (s *stopwatch) Stepped(c *core.Core, now time.Time, inputs []core.Input, out core.Output) {
	begin := time.Now()
	s.Recorder.Stepped(c, now, inputs, out)
	s.steps.Add(1)
	s.ns.Add(int64(time.Since(begin)))
}

// BenchmarkFlight tells what the flight recorder of an idle node costs: bytes on disk per hour, and the time of the loop,
// per step, in a cluster of five.
func BenchmarkFlight(b *testing.B) {
	const nodes = 5
	dir := b.TempDir()
	var watch []*stopwatch
	recordedCluster(b, nodes, 0, func(name string) node.Recorder {
		r, err := recorder.New(recorder.Options{
			Dir: filepath.Join(dir, name), Size: 32 << 20, Node: name, Version: "bench", Tap: recorder.NewTap(rand.Reader), Log: zerolog.Nop(),
		})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		b.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				b.Error(err)
			}
		})
		watch = append(watch, &stopwatch{Recorder: r})
		return watch[len(watch)-1]
	})
	for b.Loop() {
		begin, was, cpu := time.Now(), bytesIn(b, dir), cpuTime(b)
		time.Sleep(20 * time.Second)
		took, used := time.Since(begin), cpuTime(b)-cpu
		steps, ns := int64(0), int64(0)
		for _, w := range watch {
			steps, ns = steps+w.steps.Swap(0), ns+w.ns.Swap(0)
		}
		b.ReportMetric(float64(bytesIn(b, dir)-was)/nodes/took.Hours()/(1<<20), "MiB/h")
		b.ReportMetric(float64(ns)/float64(steps), "loop-ns/step")
		b.ReportMetric(float64(steps)/nodes/took.Seconds(), "steps/s")
		b.ReportMetric(100*used.Seconds()/took.Seconds()/nodes, "core%")
	}
}

func bytesIn(b *testing.B, dir string) int64 {
	sum := int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		sum += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkView is how long the loop is busy with one status of a large cluster.
func BenchmarkView(b *testing.B) {
	nodes := benchCluster(b, 5, 1000)
	b.ReportAllocs()
	for b.Loop() {
		nodes[0].View()
	}
}
