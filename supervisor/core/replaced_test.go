// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// frameFor is a frame that n2 sends to an installation of n1, as far as its log knows that one.
func frameFor(t *testing.T, install uint64) bus.Raft {
	t.Helper()
	log := held(t, nil, "n1", "n2", "n3").Log
	log.Snapshot.Members[0].ID = install
	slices.SortFunc(log.Snapshot.Members, func(a, b consensus.Member) int { return cmp.Compare(a.ID, b.ID) })
	r, err := consensus.New(consensus.Config{ID: 2, Cluster: "c1", ElectionTicks: 2, HeartbeatTicks: 1}, log)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		r.Tick()
		for out, ok := r.Ready(); ok; out, ok = r.Ready() {
			for _, f := range out.Send {
				if f.To == install {
					return f.Data
				}
			}
		}
	}
	t.Fatal("n2 asks nobody for his vote")
	return nil
}

// TestLeaderTalksToAnotherInstallation: who is let in by his own log, has no authority, and for long enough hears nothing but what is
// for another installation of his, begins another life, once.
func TestLeaderTalksToAnotherInstallation(t *testing.T) {
	const every = 500 * time.Millisecond
	elsewhere, here := frameFor(t, 9), frameFor(t, 1)
	hears := func(a *alone, d time.Duration, frame bus.Raft) {
		t.Helper()
		for until := a.now.Add(d); a.now.Before(until); {
			a.step(every, a.from("n2", frame))
		}
	}
	a := admitted(t)
	hears(a, 10*time.Second, elsewhere)
	if len(a.jobs) != 0 {
		t.Fatalf("too early: %+v", a.jobs)
	}
	hears(a, 10*time.Second, elsewhere)
	if len(a.jobs) != 1 {
		t.Fatalf("orders: %+v", a.jobs)
	}
	if _, ok := a.jobs[0].(core.NewLife); !ok {
		t.Fatalf("ordered: %T", a.jobs[0])
	}

	for what, between := range map[string]func(*alone){
		"nothing for a while":         func(a *alone) { a.pass(6 * time.Second) },
		"something that is for it":    func(a *alone) { hears(a, every, here) },
		"a majority stands behind it": func(a *alone) { a.backed(every) },
	} {
		a := admitted(t)
		hears(a, 9*time.Second, elsewhere)
		between(a)
		a.step(every, a.from("n2", elsewhere), a.from("n2", a.acknowledges()))
		for _, j := range a.jobs {
			if _, ok := j.(core.NewLife); ok {
				t.Errorf("%s: it begins another life", what)
			}
		}
	}
}
