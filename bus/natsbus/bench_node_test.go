// SPDX-License-Identifier: Apache-2.0

package natsbus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/bus/natsbus"
)

// The load of an ordinary cluster: every node beats, the first leads and sends each follower a raft heartbeat that is answered.
const (
	loadNodes = 5
	loadBeat  = 100 * time.Millisecond
	loadBytes = 800 // bytes of a heartbeat
	raftBytes = 60  // bytes of a raft heartbeat
	loadPing  = time.Second
	loadTime  = 5 * time.Second // that one turn of the benchmark measures
)

// loadNodeEnv tells the test binary to be one node of the load, by its number from 0; loadBaseEnv names the addresses, see loopback.
const (
	loadNodeEnv = "EVENKEEL_BENCH_NODE"
	loadBaseEnv = "EVENKEEL_BENCH_BASE"
)

// loadReport is what a node of the load says when it is asked.
type loadReport struct {
	CPU      time.Duration // user and system
	Frames   uint64        // first copies
	Switches int64         // voluntary context switches
	Meshed   bool
}

// BenchmarkNode runs five nodes with two rails, each in a process of its own, under the load of an ordinary cluster. It reports the processor time of the
// leader and of a follower in percent of one core and per frame handled. Other work on the machine changes the numbers by a third: to compare two versions,
// run both at the same time.
func BenchmarkNode(b *testing.B) {
	var children []*loadChild
	for i := range loadNodes {
		children = append(children, startLoadChild(b, i))
	}
	until(b, "load meshed", func() bool {
		return !slices.ContainsFunc(children, func(c *loadChild) bool { return !c.ask(b).Meshed })
	})
	var leader, follower loadReport // sums over the turns; follower also over the followers
	var wall time.Duration
	for b.Loop() {
		began, before := time.Now(), make([]loadReport, loadNodes)
		for i, c := range children {
			before[i] = c.ask(b)
		}
		time.Sleep(loadTime)
		for i, c := range children {
			if i == 0 {
				leader.addDifference(c.ask(b), before[i])
			} else {
				follower.addDifference(c.ask(b), before[i])
			}
		}
		wall += time.Since(began)
	}
	leader.report(b, "leader", wall)
	follower.report(b, "follower", wall*(loadNodes-1))
}

// addDifference adds what happened between two reports.
func (r *loadReport) addDifference(after, before loadReport) {
	r.CPU += after.CPU - before.CPU
	r.Frames += after.Frames - before.Frames
	r.Switches += after.Switches - before.Switches
}

func (r *loadReport) report(b *testing.B, role string, wall time.Duration) {
	b.ReportMetric(100*float64(r.CPU)/float64(wall), "%cpu-"+role)
	b.ReportMetric(float64(r.CPU.Microseconds())/float64(r.Frames), "µs/frame-"+role)
	b.ReportMetric(float64(r.Switches)/float64(r.Frames), "switches/frame-"+role)
}

// loadChild is a node of the load in a process of its own. It answers each line with a report and ends with its input.
type loadChild struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func startLoadChild(b *testing.B, number int) *loadChild {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), loadNodeEnv+"="+strconv.Itoa(number), loadBaseEnv+"="+strconv.Itoa(os.Getpid()))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("node %d: %v", number, err)
		}
	})
	return &loadChild{in: in, out: bufio.NewScanner(out)}
}

func (c *loadChild) ask(b *testing.B) loadReport {
	b.Helper()
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		b.Fatal(err)
	}
	if !c.out.Scan() {
		b.Fatalf("a node of the load ended: %v", c.out.Err())
	}
	var r loadReport
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		b.Fatal(err)
	}
	return r
}

// runLoadNode is the whole of a child process.
func runLoadNode(number, base int) error {
	bind := func(rail, node int) string { return loopback(base, 100+20*rail+node) + ":" + strconv.Itoa(fixedPort) }
	sealer, err := bus.NewSealer(processKey(base), "load")
	if err != nil {
		return err
	}
	opt := natsbus.Options{
		Node: loadName(number), Install: uint64(number + 1), Boot: 1, Sealer: sealer, PingInterval: loadPing, PingsOut: 1, Log: zerolog.Nop(),
	}
	for rail, name := range []string{"a", "b"} {
		conf := natsbus.Rail{Name: name, Listen: bind(rail, number)}
		for node := range loadNodes {
			conf.Seeds = append(conf.Seeds, bind(rail, node))
		}
		opt.Rails = append(opt.Rails, conf)
	}
	b, err := natsbus.New(opt)
	if err != nil {
		return err
	}
	n := &node{Bus: b, life: bus.Envelope{From: opt.Node, Install: opt.Install, Boot: opt.Boot}}
	ctx, cancel := context.WithCancel(context.Background())
	var frames atomic.Uint64
	done := make(chan error, 2)
	go func() {
		done <- n.Run(ctx, func(env bus.Envelope, _ int) {
			frames.Add(1)
			if env.Kind == bus.KindRaft && number != 0 {
				n.send(env.From, bus.KindRaft, make([]byte, raftBytes))
			}
		})
	}()
	go func() { beat(ctx, n, number); done <- nil }()
	err = answer(n, &frames)
	cancel()
	return errors.Join(err, <-done, <-done)
}

func loadName(number int) string { return "n" + strconv.Itoa(number+1) }

// beat sends until ctx ends.
func beat(ctx context.Context, n *node, number int) {
	tick := time.NewTicker(loadBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n.send("", bus.KindHeartbeat, make([]byte, loadBytes))
		for follower := 1; number == 0 && follower < loadNodes; follower++ {
			n.send(loadName(follower), bus.KindRaft, make([]byte, raftBytes))
		}
	}
}

// answer writes a report for each line of input.
func answer(n *node, frames *atomic.Uint64) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
		r := loadReport{CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano()), Frames: frames.Load(), Switches: u.Nvcsw, Meshed: true}
		for _, s := range n.Rails() {
			r.Meshed = r.Meshed && len(s.Peers) == loadNodes-1
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := fmt.Printf("%s\n", line); err != nil {
			return err
		}
	}
	return in.Err()
}
