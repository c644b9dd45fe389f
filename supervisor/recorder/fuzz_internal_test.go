// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"crypto/rand"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.etcd.io/raft/v3"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

// samples are steps with every kind of input.
func samples(now time.Time) []step {
	beat := func(seq uint64) core.Heard {
		return core.Heard{
			Envelope: bus.Envelope{Cluster: "c", From: "n2", Install: 9, Boot: 2, Seq: seq, Kind: bus.KindHeartbeat}, At: now.Add(-time.Microsecond),
			Body: &bus.Heartbeat{Epoch: 4, Applied: 7 + seq, SentUnixMs: 1000 - int64(seq), Seen: []bus.Seen{{Node: "n1", Boot: 1, Seq: 3 * seq}}, Rails: []bus.RailHealth{{Name: "r1", Up: true}}},
		}
	}
	frame := beat(12)
	frame.Envelope.Kind, frame.Body = bus.KindRaft, bus.Raft("a frame of the log")
	vote := beat(13)
	vote.Envelope.Kind, vote.Body = bus.KindVote, &bus.Vote{Target: "n3", Down: true, SilenceMs: 312}
	reborn := beat(1)
	reborn.Envelope.Boot = 3
	odd := beat(2)
	odd.Envelope.Payload = []byte("nobody looks at it")
	return []step{
		{now: now, draws: []byte{1, 255, 0}, sum: 0xabcdef},
		{now: now.Add(time.Millisecond), inputs: []core.Input{beat(10), beat(11), frame, vote, beat(14), reborn, odd}, sum: 1},
		{now: now.Add(-time.Hour), inputs: []core.Input{
			core.Stored{},
			core.Leave{},
			core.Born{Boot: 3, Reason: "why"},
			core.Joined{Cluster: "c"},
			core.Submit{Until: now.Add(2 * time.Second), Command: cluster.Command{ID: "i", At: 5, By: "ann", Body: cluster.SetMode{Node: "n1", Mode: cluster.ModeStandby}}},
			core.Probed{Member: cluster.MemberID{Pool: "p", Member: "m"}, Change: health.Change{To: health.Up, At: now, Reason: "answers"}},
			core.Balanced{Report: converge.Report{Name: "lb", Since: now, Servers: []converge.ServerReport{{Name: "s", Sessions: 4}}}},
			core.Guarded{Class: lease.Gate, Order: 3, Units: []core.Unit{{Resource: "vip", Epoch: 7, State: bus.ResourceHeld}}},
			core.Railed{Rails: []core.Rail{{Name: "r1", Up: true, Since: now, Peers: 2}}},
		}},
		{now: now.Add(time.Second)},
	}
}

// TestStepsAreReadAsWritten does so with times of both kinds, and compares every bit of them.
func TestStepsAreReadAsWritten(t *testing.T) {
	now := time.Now()
	for _, at := range []time.Time{now, now.Round(0)} {
		w, r := newStepWriter(at, clockFrom(now)), newStepReader(at.Round(0))
		for i, want := range samples(at) {
			data, err := w.encode(want)
			if err != nil {
				t.Fatal(i, err)
			}
			got, err := r.decode(data)
			if err != nil {
				t.Fatal(i, err)
			}
			sameTime := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
			if diff := cmp.Diff(want, got, sameTime, cmp.AllowUnexported(step{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("step %d:\n%s", i, diff)
			}
		}
	}
	if err := checkTimes(); err != nil {
		t.Error(err)
	}
}

// FuzzSteps reads any bytes as the steps of a file.
func FuzzSteps(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	w := newStepWriter(now, clock{at: now})
	for _, s := range samples(now) {
		data, err := w.encode(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte(nil), data...), []byte{})
	}
	f.Fuzz(func(_ *testing.T, first, second []byte) {
		r := newStepReader(now)
		if _, err := r.decode(first); err == nil {
			_, _ = r.decode(second)
		}
	})
}

// FuzzRevive reads any bytes as the memory of a core, and as how one was made.
func FuzzRevive(f *testing.F) {
	rules, err := rulesOfCore()
	if err != nil {
		f.Fatal(err)
	}
	for role := range byte(5) {
		c, err := blank()
		if err != nil {
			f.Fatal(err)
		}
		if role != noReplica {
			replica, err := inRole(raft.StateType(role - 1))
			if err != nil {
				f.Fatal(err)
			}
			field, err := image.Reach(reflect.ValueOf(c).Elem(), "replica")
			if err != nil {
				f.Fatal(err)
			}
			field.Set(reflect.ValueOf(replica))
		}
		data, err := imageOf(image.NewWriter(rules), c)
		if err != nil {
			f.Fatal(err)
		}
		again, err := revive(data)
		if err != nil {
			f.Fatal(err)
		}
		if twice, err := imageOf(image.NewWriter(rules), again); err != nil || string(twice) != string(data) {
			f.Fatalf("the memory of role %d is another one when it is read back: %v", role, err)
		}
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = revive(data)
		var m making
		_, _ = rulesOfInput().Read(data, reflect.ValueOf(&m))
	})
}

func TestTap(t *testing.T) {
	tap := NewTap(rand.Reader)
	draw := func(n int) { _, _ = tap.Read(make([]byte, n)) }
	draw(1)
	tap.begin()
	draw(1)
	draw(16)
	draw(2)
	if got := tap.end(); len(got) != 3 {
		t.Errorf("%d bytes were noted, of 3", len(got))
	}
	draw(1)
	tap.begin()
	if got := tap.end(); len(got) != 0 {
		t.Errorf("%d bytes were noted, of none", len(got))
	}
}
