// SPDX-License-Identifier: Apache-2.0

package recorder_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/tape"
)

// flight is a node of a cluster of one, driven step by step, with its recorder.
type flight struct {
	t    testing.TB
	dir  string
	disk *memwal.Store
	core *core.Core
	rec  *recorder.Recorder
	now  time.Time
	seq  uint64
	todo []core.Input
	stop func()
}

// takeOff starts a node that records into the folder. It has both clocks, like any real one.
func takeOff(t testing.TB, dir string, size int64) *flight {
	f := &flight{t: t, dir: dir, disk: memwal.New(77), now: time.Now()}
	tap := recorder.NewTap(rand.Reader)
	was := rand.Reader
	rand.Reader = tap
	t.Cleanup(func() { rand.Reader = was })
	var err error
	f.rec, err = recorder.New(recorder.Options{Dir: dir, Size: size, Node: "n1", Cluster: "test", Version: "test", Tap: tap, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	spec := cluster.Spec{Cluster: "test", Nodes: []cluster.NodeSpec{{Name: "n1"}}}
	for i := range 5 {
		spec.Nodes = append(spec.Nodes, cluster.NodeSpec{Name: cluster.NodeID(fmt.Sprintf("m%d", i)), Vote: new(bool)})
	}
	return f.boards(spec)
}

// boards makes the core.
func (f *flight) boards(spec cluster.Spec) *flight {
	cfg := core.Config{Name: "n1", Cluster: "test", Version: "test", Bootstrap: &spec, FoundAs: "founded", Times: core.Times{
		Profile: "lan", Beat: 100 * time.Millisecond, Missed: 3, Pulse: 50 * time.Millisecond, Slack: 10 * time.Millisecond,
		SuspectAfter: 310 * time.Millisecond, VoteTTL: 310 * time.Millisecond, FreshWithin: 155 * time.Millisecond,
		QuorumAge: 500 * time.Millisecond, StartGrace: 3 * time.Second, ElectionPulses: 8,
	}}
	f.rec.Begin()
	var err error
	f.core, err = core.New(f.now, cfg, core.Identity{Install: 77, Boot: 1}, core.Held{})
	f.must(err)
	f.rec.Made(f.now, cfg, core.Identity{Install: 77, Boot: 1}, core.Held{})
	return f
}

// run lets the recorder write from now on.
func (f *flight) run() *flight {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.rec.Run(ctx) }()
	f.stop = func() {
		stop()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	}
	return f
}

// fly makes steps, some milliseconds apart.
func (f *flight) fly(steps int) {
	for range steps {
		f.now = f.now.Add(23*time.Millisecond + time.Duration(f.seq%977))
		f.seq++
		f.hear()
		inputs := f.todo
		f.todo = nil
		f.rec.Begin()
		out := f.core.Step(f.now, inputs...)
		f.rec.Stepped(f.core, f.now, inputs, out)
		for _, j := range out.Disk {
			f.carryOut(j)
		}
	}
}

// hear adds a heartbeat of another node, of one that is in the cluster file but in no life.
func (f *flight) hear() {
	name := fmt.Sprintf("m%d", f.seq%5)
	hb := &bus.Heartbeat{Version: "test", SentUnixMs: f.now.UnixMilli() - 1, Applied: f.seq / 9, Seen: []bus.Seen{{Node: "n1", Boot: 1, Seq: f.seq}}}
	if f.seq%40 == 7 {
		hb.Members = []bus.MemberHealth{{Pool: "p", Member: name, State: bus.StateUp, N: f.seq}}
	}
	f.todo = append(f.todo, core.Heard{
		Envelope: bus.Envelope{From: name, Install: 100 + f.seq%5, Boot: 3, Seq: f.seq, Kind: bus.KindHeartbeat}, Body: hb, At: f.now.Add(-time.Microsecond),
	})
	if f.seq%50 == 11 {
		f.todo = append(f.todo, core.Submit{Until: f.now.Add(time.Second), Command: cluster.Command{
			ID: fmt.Sprint("c", f.seq), At: f.now.UnixMilli(), By: "ann", Body: cluster.SetMode{Node: "m1", Mode: cluster.ModeStandby},
		}})
	}
}

func (f *flight) carryOut(j core.Job) {
	switch j := j.(type) {
	case core.Append:
		f.must(f.disk.Append(j.Append))
		f.todo = append(f.todo, core.Stored{Append: j.Append})
	case core.Join:
		f.must(f.disk.Append(j.Founding))
		f.must(f.disk.SetCluster(j.Cluster))
		log, err := f.disk.Load()
		f.must(err)
		f.todo = append(f.todo, core.Joined{Cluster: j.Cluster, Log: log})
	default:
		f.t.Fatalf("%T", j)
	}
}

func (f *flight) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func files(t testing.TB, dir string) []string {
	out, err := filepath.Glob(filepath.Join(dir, "*.flight"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func replay(t testing.TB, path string, from time.Time) (recorder.Summary, error) {
	found, err := recorder.Find(path)
	if err != nil || len(found) != 1 {
		t.Fatalf("%d recordings, %v", len(found), err)
	}
	teller := recorder.NewTeller("n1")
	return recorder.Replay(t.Context(), found[0], recorder.Span{From: from}, func(m recorder.Moment) error {
		teller.Tell(m)
		return nil
	})
}

func TestAFlightIsReplayed(t *testing.T) {
	f := takeOff(t, filepath.Join(t.TempDir(), "flight"), 32<<20).run()
	f.fly(3000)
	f.stop()
	sum, err := replay(t, f.dir, time.Time{})
	if err != nil || sum.Steps != 3000 || sum.Torn || !sum.Until.Equal(f.now) {
		t.Fatalf("%+v, %v", sum, err)
	}
	if f.core.Leader() != "n1" {
		t.Error("the node never led, so little was tested")
	}
	info, err := os.Stat(f.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestTornTail cuts the file as a crash does: what is whole is replayed.
func TestTornTail(t *testing.T) {
	f := takeOff(t, t.TempDir(), 32<<20).run()
	for range 5 {
		f.fly(200)
		time.Sleep(1100 * time.Millisecond) // until it is written
	}
	f.stop()
	path := files(t, f.dir)[0]
	data, err := os.ReadFile(path)
	f.must(err)
	for _, left := range []int{len(data) - 1, len(data) * 3 / 4, len(data) / 2} {
		f.must(os.WriteFile(path, data[:left], 0o600))
		sum, err := replay(t, f.dir, time.Time{})
		if err != nil || !sum.Torn || sum.Steps == 0 || sum.Steps > 1000 {
			t.Errorf("%d of %d bytes: %+v, %v", left, len(data), sum, err)
		}
	}
	data[len(data)/2] ^= 1
	f.must(os.WriteFile(path, data, 0o600))
	sum, err := replay(t, f.dir, time.Time{})
	if !errors.Is(err, tape.ErrDamaged) || sum.Steps == 0 {
		t.Errorf("a damaged file: %+v, %v", sum, err)
	}
}

// TestRing fills the ring many times over: the newest is there, the oldest is gone, the room is not exceeded.
func TestRing(t *testing.T) {
	const size = 48 << 10
	f := takeOff(t, t.TempDir(), size).run()
	begin := f.now
	for range 60 {
		f.fly(700) // 16 s of the node's time
		time.Sleep(20 * time.Millisecond)
	}
	f.stop()
	used := int64(0)
	for _, name := range files(t, f.dir) {
		info, err := os.Stat(name)
		f.must(err)
		used += info.Size()
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	sum, err := replay(t, f.dir, time.Time{})
	if err != nil || !sum.Until.Equal(f.now) || !sum.Since.After(begin.Add(time.Minute)) || used > 2*size {
		t.Fatalf("%d bytes in %d files: %+v, %v", used, len(files(t, f.dir)), sum, err)
	}
}

// TestGap stops the writing until the queue is full: what was lost is told, and not crossed.
func TestGap(t *testing.T) {
	f := takeOff(t, t.TempDir(), 32<<20)
	f.fly(9000) // nobody writes; 8192 fit
	f.run()
	for range 200 {
		f.fly(50) // 230 s of the node's time, in which it finds time for a checkpoint
		time.Sleep(5 * time.Millisecond)
	}
	f.stop()
	sum, err := replay(t, f.dir, time.Time{})
	gap, ok := errors.AsType[*recorder.GapError](err)
	if !ok || sum.Steps != 8191 || gap.Steps < 808 || !strings.Contains(err.Error(), "no replay crosses that") {
		t.Fatalf("%+v, %v", sum, err)
	}
	sum, err = replay(t, f.dir, gap.Until)
	if err != nil || sum.Steps+8191+gap.Steps != 19000 {
		t.Fatalf("behind the gap: %+v, %v, gap %+v", sum, err, gap)
	}
}

// TestDiskThatRefuses has a file where the folder should be: the node flies on.
func TestDiskThatRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "flight")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := takeOff(t, dir, 32<<20).run()
	f.fly(500)
	f.stop()
}

// TestAnotherDecision bends the recorder's own memory of what was drawn and given: the replay says where.
func TestAnotherDecision(t *testing.T) {
	f := takeOff(t, t.TempDir(), 32<<20).run()
	f.fly(500)
	f.rec.Begin()
	out := f.core.Step(f.now, core.Railed{Rails: []core.Rail{{Name: "r"}}})
	out.Until = out.Until.Add(time.Nanosecond) // which the core did not say
	f.rec.Stepped(f.core, f.now, []core.Input{core.Railed{Rails: []core.Rail{{Name: "r"}}}}, out)
	f.fly(10)
	f.stop()
	_, err := replay(t, f.dir, time.Time{})
	if d, ok := errors.AsType[*recorder.DifferenceError](err); !ok || d.Step != 501 {
		t.Fatalf("got %v", err)
	}
}

// TestOthersDrawToo draws random numbers beside the core.
func TestOthersDrawToo(t *testing.T) {
	f := takeOff(t, t.TempDir(), 32<<20).run()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var key [16]byte
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = rand.Read(key[:])
			}
		}
	}()
	f.fly(2000)
	close(stop)
	<-done
	f.stop()
	if sum, err := replay(t, f.dir, time.Time{}); err != nil || sum.Steps != 2000 {
		t.Fatalf("%+v, %v", sum, err)
	}
}

// BenchmarkStepped is what recording costs the loop, for a step with one heartbeat; "step" is the same without.
func BenchmarkStepped(b *testing.B) {
	b.Run("recorded", func(b *testing.B) {
		f := takeOff(b, b.TempDir(), 32<<20).run()
		f.fly(100)
		b.ReportAllocs()
		for b.Loop() {
			f.fly(1)
		}
		f.stop()
	})
	b.Run("step", func(b *testing.B) {
		f := takeOff(b, b.TempDir(), 32<<20)
		f.rec = nil
		f.bare(100)
		b.ReportAllocs()
		for b.Loop() {
			f.bare(1)
		}
	})
}

// bare makes steps that nobody records.
func (f *flight) bare(steps int) {
	for range steps {
		f.now = f.now.Add(23*time.Millisecond + time.Duration(f.seq%977))
		f.seq++
		f.hear()
		inputs := f.todo
		f.todo = nil
		out := f.core.Step(f.now, inputs...)
		f.must(out.Err)
		for _, j := range out.Disk {
			f.carryOut(j)
		}
	}
}

// BenchmarkCheckpoint is for how long the loop stands still for one, each time that a file is full.
func BenchmarkCheckpoint(b *testing.B) {
	for _, members := range []int{1, 1000} {
		b.Run(fmt.Sprint(members, "members"), func(b *testing.B) {
			spec := cluster.Spec{Cluster: "test", Nodes: []cluster.NodeSpec{{Name: "n1"}}, Pools: []cluster.PoolSpec{{Name: "p"}}}
			spec.Balancers = []cluster.BalancerSpec{{Name: "lb", Socket: "/none", Nodes: []cluster.NodeID{"n1"}}}
			for i := range members {
				spec.Pools[0].Members = append(spec.Pools[0].Members, cluster.MemberSpec{Name: fmt.Sprint("m", i), Address: fmt.Sprintf("10.1.%d.%d", i/250, i%250+1), Port: 80})
			}
			f := takeOff(b, b.TempDir(), 32<<20).boards(spec)
			f.bare(500)
			picture, err := recorder.Picture()
			f.must(err)
			for b.Loop() {
				data, err := picture(f.core)
				f.must(err)
				b.ReportMetric(float64(len(data)), "bytes")
			}
		})
	}
}
