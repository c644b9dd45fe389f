// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus/membus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

// benchCluster runs nodes in real time until the benchmark ends, and waits until
// they all live. There are as many agentless members as asked for.
func benchCluster(b *testing.B, nodes, members int) []*node.Node {
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
			node.Ports{Bus: net.Join(string(s.Name)), Store: disk, Prober: proberHands{h}, Balancers: balancerHands{h}},
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
