// SPDX-License-Identifier: Apache-2.0

package natsbus_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/evenkeel-ha/evenkeel/bus/natsbus"
)

// fixedMesh starts nodes n1..nN with one rail at addresses from the given number on; seeds says which of the addresses node i is told.
func fixedMesh(tb testing.TB, first, size int, seeds func(node int, all []string) []string) []*node {
	tb.Helper()
	var all []string
	for i := range size {
		all = append(all, own(first+i))
	}
	var nodes []*node
	for i := range size {
		nodes = append(nodes, start(tb, natsbus.Options{
			Node: fmt.Sprintf("n%d", i+1), Install: uint64(i + 1), Boot: 1,
			Rails: []natsbus.Rail{{Name: "a", Listen: all[i], Seeds: seeds(i, all)}},
		}))
	}
	return nodes
}

// The way of a real cluster: everybody knows everybody and all start at once, so both ends of each route dial. Then servers die, several at a time.
func TestMeshHealsAgainAndAgain(t *testing.T) {
	nodes := fixedMesh(t, 80, 4, func(_ int, all []string) []string { return all })
	settle(t, nodes)
	for round := range 3 {
		var replaced []func()
		for i, n := range nodes {
			if i != round {
				replaced = append(replaced, n.kill(t))
			}
		}
		for _, wait := range replaced {
			wait()
		}
		settle(t, nodes)
	}
}

// The others know one node only, and its address is taken when it starts. They find each other through it once it is up, and again after it died.
func TestMeshFormsThroughALateSeed(t *testing.T) {
	const first = 90
	taken, err := net.Listen("tcp", own(first))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	nodes := fixedMesh(t, first, 4, func(_ int, all []string) []string { return all[:1] })
	for _, n := range nodes[1:] {
		until(t, n.name+" up", func() bool { return n.Rails()[0].Up })
	}
	until(t, "rail of n1 down", func() bool { return nodes[0].Rails()[0].Err != "not started" })
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	settle(t, nodes)
	nodes[0].kill(t)()
	settle(t, nodes)
}
