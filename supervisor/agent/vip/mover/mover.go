// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Options are what a mover is made of.
type Options struct {
	// Node is the name of this node.
	Node string
	Log  zerolog.Logger
	// Report hears how all units stand, at each change. It is called by one goroutine, and must not wait.
	Report func(Report)
}

// Mover has the commands run. Run does the work, and is called once; Want and Until may be called by anybody.
type Mover struct {
	Options
	right *right
	news  chan struct{} // holds one

	mu    sync.Mutex
	order *order // news for Run; nil if there is none

	// What follows belongs to Run.
	machine *machine
	started map[uint64]*started
	results chan ended
	told    Report
}

// started is a command that was begun and has not ended.
type started struct {
	op
	cancel context.CancelFunc
	killed bool
}

func (s *started) kill() {
	s.killed = true
	s.cancel()
}

// New returns a mover that wants nothing and has no right.
func New(o Options) *Mover {
	return &Mover{
		Options: o, right: newRight(), news: make(chan struct{}, 1), machine: newMachine(),
		started: map[uint64]*started{}, results: make(chan ended, parallelMax),
	}
}

// Want is what a mover is to do.
type Want struct {
	// Units are those that this node holds by the log and is not asked to let go of. One that is left out was recalled. They must
	// not be changed afterwards.
	Units []Unit
	// Epochs are the newest ones under which resources were given to any node, as far as known; none need be. They must not be changed
	// afterwards.
	Epochs map[string]uint64
	// Since and Until are the right to do so: see [Mover.Until].
	Since, Until time.Time
}

// Want says what the mover is to do, in place of what was wanted before, and until when. It does not block.
func (m *Mover) Want(w Want) {
	m.mu.Lock()
	m.order = &order{w.Units, w.Epochs}
	m.right.set(w.Since, w.Until)
	m.mu.Unlock()
	m.wake()
}

// Until replaces the moment from which on nothing may be begun and nothing may go on; the zero time is now, and so it is before the
// first call. Since is when the heartbeat was sent that the right rests on. Both must have a monotonic reading, unless they are zero.
// It does not block.
func (m *Mover) Until(since, until time.Time) {
	if m.right.set(since, until) {
		m.wake()
	}
}

// wake has Run look at what is new.
func (m *Mover) wake() {
	select {
	case m.news <- struct{}{}:
	default: // it is told already
	}
}

// Run works until ctx ends, and kills then what runs. Nothing is released: whoever begins next is told what is held.
func (m *Mover) Run(ctx context.Context) error {
	var commands sync.WaitGroup
	defer commands.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var ev event = tick{}
		select {
		case <-ctx.Done():
			return nil
		case <-m.news:
		case e := <-m.results:
			m.note(e)
			ev = e
		case <-timer.C:
		}
		timer.Reset(m.step(ctx, &commands, ev))
	}
}

// situation is what a step goes by.
type situation struct {
	order      *order // nil if it is what it was
	now, until time.Time
	broken     bool // the right ran out since the last step
}

func (m *Mover) situation() situation {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := situation{order: m.order}
	m.order = nil
	s.now, s.until, s.broken = m.right.read()
	return s
}

// step has the machine decide, and carries it out. It returns when to come again.
func (m *Mover) step(ctx context.Context, commands *sync.WaitGroup, ev event) time.Duration {
	s := m.situation()
	if s.broken && s.now.Before(s.until) {
		m.carryOut(ctx, commands, m.machine.step(s.now, time.Time{}, tick{})) // it ran out, and is back
	}
	if s.order != nil {
		m.carryOut(ctx, commands, m.machine.step(s.now, s.until, *s.order))
	}
	m.carryOut(ctx, commands, m.machine.step(s.now, s.until, ev))
	if r := m.machine.report(); !slices.Equal(r.Units, m.told.Units) {
		m.told = r
		m.Report(r)
	}
	wait := time.Hour
	if due := m.machine.due; !due.IsZero() {
		wait = max(time.Until(due), 0)
	}
	if len(m.started) > 0 {
		wait = min(wait, napMax)
	}
	return wait
}

func (m *Mover) carryOut(ctx context.Context, commands *sync.WaitGroup, ops []op) {
	for _, o := range ops {
		log := m.Log.With().Str("resource", o.unit.Resource).Uint64("epoch", o.unit.Epoch).Str("verb", string(o.verb)).Logger()
		if o.kill {
			if s, runs := m.started[o.number]; runs { // else it ended just now, and the machine hears of that next
				log.Warn().Str("why", o.why).Msg("the command that moves addresses is killed")
				s.kill()
			}
			continue
		}
		log.Debug().Msg("the command that moves addresses begins")
		run, cancel := context.WithCancel(ctx)
		m.started[o.number] = &started{op: o, cancel: cancel}
		commands.Go(func() {
			defer cancel()
			m.results <- m.run(run, o) // there is room for as many as there can be
		})
	}
}

// run runs one command, unless the right has run out since it was decided.
func (m *Mover) run(ctx context.Context, o op) ended {
	e := ended{resource: o.unit.Resource, number: o.number, outcome: done}
	if m.right.over() {
		e.outcome = late
		return e
	}
	argv := append(slices.Clone(o.unit.Command), string(o.verb))
	var ok bool
	if ok, e.said = execute(ctx, argv, o.unit.environment(m.Node)); !ok {
		e.outcome = failed
	}
	return e
}

// note logs how a command ended.
func (m *Mover) note(e ended) {
	o := m.started[e.number]
	delete(m.started, e.number)
	log := m.Log.With().Str("resource", o.unit.Resource).Uint64("epoch", o.unit.Epoch).Str("verb", string(o.verb)).Logger()
	switch {
	case o.killed:
		log.Debug().Msg("the command that was killed has ended")
	case e.outcome == failed:
		log.Warn().Str("why", e.said).Msg("the command that moves addresses failed")
	case e.outcome == late:
		log.Info().Msg("the right ran out before the command that moves addresses began")
	case o.verb == Check:
		log.Debug().Msg("the addresses are still here")
	default:
		log.Info().Msg("the command that moves addresses succeeded")
	}
}
