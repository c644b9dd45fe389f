// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
	// stageGrain is the time between two looks, and between two samples of each balancer.
	stageGrain = 10 * time.Millisecond
	// stageRails is the number of rails of a cluster whose script names none.
	stageRails = 2
	// stageSync is the shortest time of a write; the longest is twice that.
	stageSync = 2 * time.Millisecond
	// stageWell bounds how long the cluster may take until all is well and the script can begin.
	stageWell = 2 * time.Minute
)

// Stage is a world in which a script is played: nothing fails in it but what the script asks for. It means the same by every
// line as the stage of real nodes does, and is judged by what an operator or a client can see: the view of each node, the
// servers of each balancer, and what became of requests. Whatever the world's own checkers find broken fails the play.
//
// Put its Dice into crypto/rand.Reader before the script is played. The cluster is brought up by the first thing that is
// asked of the stage; the script begins when all is well. Two plays of one script, with one seed, are the same.
//
// Where it is simpler than real nodes:
//   - Processes start at once, and nobody starts one again that ended by itself, such as after a broken disk.
//   - Clients ask through balancers that run only, and a request to an application that hangs goes to another one after the
//     connect timeout. Out there, both would fail.
//   - A guard tells nothing from another machine's address: a stranger is heard of wherever his machine is reached from.
//   - Apart from requests, sessions that a balancer has with a member when it is taken out last up to three seconds.
//   - What a hold kept still comes when its time is over, also if it was healed before.
type Stage struct {
	cluster script.Cluster
	w       *World
	begun   bool
	start   time.Duration // of the script, in the world's time

	journal journal
	diary   []script.Moment // what the stage itself did
	shows   []*showing      // one for each balancer
	client  *client         // nil = nobody asks
	cuts    *cuts
	still   []time.Duration // by machine: until when its Evenkeel is paused
	frozen  []time.Duration // by machine: until when it is frozen
	thawed  []fate          // by machine: what its application is then
	hung    []time.Duration // by machine: until when its HAProxy is paused
	hands   hands
}

var _ script.Stage = (*Stage)(nil)

// NewStage makes a stage with the cluster of a script. The times are those of the profile that the script names.
func NewStage(c script.Cluster, seed uint64, times core.Times) *Stage {
	if c.Rails == 0 {
		c.Rails = stageRails
	}
	s := &Stage{cluster: c, w: New(Options{
		Seed: seed, Times: times, Rails: c.Rails, Web: c.Web, Balancers: c.Balancers, Witnesses: c.Witnesses, Plain: c.Plain,
		Floor: c.Floor, Deadline: c.Deadline, SlowStart: c.SlowStart, StateFile: !c.NoState, Sync: stageSync,
	})}
	s.give(c)
	s.w.journal, s.w.byHand = &s.journal, true
	machines := len(s.w.machines)
	s.still, s.frozen, s.hung = make([]time.Duration, machines), make([]time.Duration, machines), make([]time.Duration, machines)
	s.thawed = make([]fate, machines)
	s.cuts = newCuts(machines, c.Rails+1)
	for _, m := range s.w.machines {
		if m.proxy != nil {
			s.shows = append(s.shows, &showing{p: m.proxy})
		}
	}
	if c.Clients > 0 && c.Balancers > 0 && (len(c.Members()) > 0 || c.ClientsTo != "") {
		s.client = newClient(s, c)
	}
	return s
}

// Dice is where raft must draw its random numbers from: put it into crypto/rand.Reader before the script is played.
func (s *Stage) Dice() io.Reader { return s.w.Dice() }

// KeepTrace makes the stage keep what happens as text. Call it before the script is played.
func (s *Stage) KeepTrace() { s.w.trace.verbose = true }

// Trace returns what happened, a line each, if it was kept.
func (s *Stage) Trace() []string { return s.w.trace.lines }

// Now is the time since the script began.
func (s *Stage) Now() time.Duration {
	if !s.begun {
		return 0
	}
	return s.w.now - s.start
}

// Grain is how long to let pass between two looks.
func (s *Stage) Grain() time.Duration { return stageGrain }

// Pass lets time pass. It fails when a checker of the world found a promise broken.
func (s *Stage) Pass(ctx context.Context, d time.Duration) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.run(s.w.now + d)
}

// run lets the world go on until a moment.
func (s *Stage) run(until time.Duration) error {
	s.w.pass(until)
	return s.broken()
}

// broken tells what a checker found.
func (s *Stage) broken() error {
	if s.w.broken == nil {
		return nil
	}
	return fmt.Errorf("a checker of the simulator found a promise broken: %s: %s (at %s)",
		s.w.broken.Promise, s.w.broken.What, (s.w.broken.At - s.start).Round(time.Millisecond))
}

// ready brings the cluster up, once.
func (s *Stage) ready(ctx context.Context) error {
	for !s.begun {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.run(s.w.now + lookAgain); err != nil {
			return err
		}
		s.w.lookAtRails()
		why := s.elsewhere()
		if why == "" {
			why = s.unwell()
		}
		if why == "" {
			s.begin()
			break
		}
		if s.w.now > stageWell {
			return fmt.Errorf("the cluster is not well within %s of its first start: %s", stageWell, why)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.broken()
}

// unwell tells what is not as it should be before the script begins.
func (s *Stage) unwell() string {
	for _, m := range s.w.nodes {
		if !m.acts() {
			return string(m.name) + " does not run"
		}
		if v := m.core.View(m.now()); v.Verdict != cluster.WellVerdict {
			return fmt.Sprintf("%s says %s: %v", m.name, v.Verdict, v.Problems)
		}
	}
	return s.w.wrong()
}

// begin begins the script.
func (s *Stage) begin() {
	s.begun, s.start = true, s.w.now
	s.journal.begin(s.start)
	s.w.say("STAGE", "the script begins")
	s.keepSampling()
	s.keepLookingAtRails()
	if s.client != nil {
		s.client.begin()
	}
}

// keepLookingAtRails lets the nodes see, after the usual silence, whom they hear on each rail.
func (s *Stage) keepLookingAtRails() {
	s.w.lookAtRails()
	s.w.do(s.w.opt.Times.SuspectAfter, s.keepLookingAtRails)
}
