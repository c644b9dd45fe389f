// SPDX-License-Identifier: Apache-2.0

package natsbus_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/bus/natsbus"
)

func TestMain(m *testing.M) {
	if number, err := strconv.Atoi(os.Getenv(loadNodeEnv)); err == nil {
		base, err := strconv.Atoi(os.Getenv(loadBaseEnv))
		if err == nil {
			err = runLoadNode(number, base)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "node of the load:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// loopback returns an address of this machine that only one test process uses, so that a port which one of them gives up and another takes never joins what
// does not belong together. Each process has 254 of them, by number from 1.
func loopback(process, number int) string {
	return fmt.Sprintf("127.%d.%d.%d", 64+process>>8&63, process&255, number)
}

// processKey is a key that only one test process uses, for the same reason.
func processKey(process int) []byte { return fmt.Appendf(nil, "key of process %16d", process) }

// The surface that membus.Port has too.
var _ interface {
	Send(frames ...bus.Outgoing)
	Run(ctx context.Context, handler func(env bus.Envelope, rail int)) error
	Rails() []bus.RailStatus
} = (*natsbus.Bus)(nil)

// patience is for how long a test waits for what has to come; the machine may be slow.
const patience = 30 * time.Second

// fixedPort is below the range from which systems hand out ports, so nobody takes it while a server that had it is down.
const fixedPort = 7422

// testPing makes silent routes close in less than a second.
const testPing = 200 * time.Millisecond

// node is a bus that runs, and what its handler saw.
type node struct {
	*natsbus.Bus
	name string
	life bus.Envelope // our newest message
	stop func()

	mu   sync.Mutex
	got  []bus.Envelope
	rail []int
	gate chan struct{} // when not nil, the handler waits for it
}

// send numbers a message and sends it.
func (n *node) send(to string, kind bus.Kind, payload []byte) uint64 {
	n.mu.Lock()
	n.life.Seq++
	env := n.life
	n.mu.Unlock()
	env.Kind, env.Payload = kind, payload
	n.Send(bus.Outgoing{To: to, Envelope: env})
	return env.Seq
}

func (n *node) handle(env bus.Envelope, rail int) {
	n.mu.Lock()
	n.got, n.rail = append(n.got, env), append(n.rail, rail)
	gate := n.gate
	n.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// from returns the sequence numbers that came from a node, in order of arrival.
func (n *node) from(name string) []uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []uint64
	for _, e := range n.got {
		if e.From == name {
			out = append(out, e.Seq)
		}
	}
	return out
}

func (n *node) hold() (release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gate = make(chan struct{})
	gate := n.gate
	return func() {
		n.mu.Lock()
		n.gate = nil
		n.mu.Unlock()
		close(gate)
	}
}

func testSealer(tb testing.TB, key, cluster string) bus.Sealer {
	tb.Helper()
	s, err := bus.NewSealer(fmt.Append(processKey(os.Getpid()), key), cluster)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// What the tests tell networks apart by; see processKey.
const (
	keyA = "a"
	keyB = "b"
	demo = "demo"
)

// own returns an address of this process, with a port that no system hands out by itself.
func own(number int) string { return fmt.Sprintf("%s:%d", loopback(os.Getpid(), number), fixedPort) }

// anyPort returns an address of this process that takes a free port.
func anyPort(number int) string { return loopback(os.Getpid(), number) + ":0" }

func start(tb testing.TB, opt natsbus.Options) *node {
	tb.Helper()
	if opt.PingInterval == 0 {
		opt.PingInterval = testPing
	}
	if opt.Sealer.Network() == "" {
		opt.Sealer = testSealer(tb, keyA, demo)
	}
	opt.Log = zerolog.Nop()
	b, err := natsbus.New(opt)
	if err != nil {
		tb.Fatal(err)
	}
	n := &node{Bus: b, name: opt.Node, life: bus.Envelope{From: opt.Node, Install: opt.Install, Boot: opt.Boot}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, n.handle) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("%s: Run: %v", opt.Node, err)
		}
	})
	tb.Cleanup(n.stop)
	return n
}

// mesh starts nodes n1..nN with two rails each; all but n1 have n1 as their only seed.
func mesh(tb testing.TB, size int) []*node {
	tb.Helper()
	var nodes []*node
	for i := range size {
		opt := natsbus.Options{Node: fmt.Sprintf("n%d", i+1), Install: uint64(100 + i), Boot: 1}
		for rail, name := range []string{"a", "b"} {
			conf := natsbus.Rail{Name: name, Listen: anyPort(10 + 10*rail + i)}
			if i > 0 {
				conf.Seeds = []string{nodes[0].Rails()[rail].Listen}
			}
			opt.Rails = append(opt.Rails, conf)
		}
		n := start(tb, opt)
		nodes = append(nodes, n)
		for rail := range 2 {
			until(tb, n.name+" up", func() bool { return n.Rails()[rail].Up })
		}
	}
	for _, n := range nodes {
		for rail := range 2 {
			until(tb, n.name+" meshed", func() bool { return n.Rails()[rail].Routes == size-1 })
		}
	}
	settle(tb, nodes)
	return nodes
}

// settle beats until everybody heard everybody on every rail, from now on: a route carries nothing before the other side's subscriptions came over it.
func settle(tb testing.TB, nodes []*node) {
	tb.Helper()
	began := time.Now()
	until(tb, "everybody hears everybody", func() bool {
		all := true
		for _, n := range nodes {
			n.send("", bus.KindHeartbeat, nil)
			for _, r := range n.Rails() {
				for _, other := range nodes {
					all = all && (other == n || r.Peers[other.name].After(began))
				}
			}
		}
		return all
	})
}

// kill ends the server of the first rail as a fault would and returns a function that waits until another has replaced it.
func (n *node) kill(tb testing.TB) (replaced func()) {
	tb.Helper()
	began := time.Now()
	if !n.KillServer(0) {
		tb.Fatalf("first rail of %s was not up", n.name)
	}
	return func() {
		tb.Helper()
		until(tb, "server of "+n.name+" replaced", func() bool { r := n.Rails()[0]; return r.Up && r.Err == "" && r.Since.After(began) })
	}
}

func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	tb.Fatalf("waited %v in vain: %s", patience, what)
}

// missing returns which of the wanted numbers were not seen, and whether any was seen twice.
func missing(got []uint64, first, last uint64) (lost []uint64, twice bool) {
	seen := make(map[uint64]int, len(got))
	for _, s := range got {
		seen[s]++
		twice = twice || seen[s] > 1
	}
	for s := first; s <= last; s++ {
		if seen[s] == 0 {
			lost = append(lost, s)
		}
	}
	return lost, twice
}
