// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
)

// pauses knows which programs stand still, and until when.
type pauses struct {
	mu    sync.Mutex
	until map[*fleet.Program]time.Time // the zero time is until somebody ends it
}

func newPauses() *pauses { return &pauses{until: map[*fleet.Program]time.Time{}} }

// has tells whether the program is paused.
func (p *pauses) has(program *fleet.Program) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, paused := p.until[program]
	return paused
}

// begin pauses a program until a time; the zero time is until [pauses.end]. Of several times the latest counts.
func (p *pauses) begin(program *fleet.Program, until time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := program.Pause(); err != nil {
		return err
	}
	if old, paused := p.until[program]; !paused || !old.IsZero() && (until.IsZero() || until.After(old)) {
		p.until[program] = until
	}
	return nil
}

// end lets a program go on, and tells whether it was paused.
func (p *pauses) end(program *fleet.Program) (bool, error) {
	return p.endIf(program, func(time.Time) bool { return true })
}

// endDue is end for whoever waited until the time is up: by now there may be another pause, or none.
func (p *pauses) endDue(program *fleet.Program, now time.Time) (bool, error) {
	return p.endIf(program, func(until time.Time) bool { return !until.IsZero() && !now.Before(until) })
}

func (p *pauses) endIf(program *fleet.Program, due func(until time.Time) bool) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until, paused := p.until[program]; !paused || !due(until) {
		return false, nil
	}
	delete(p.until, program)
	return true, program.Resume()
}

// forget says that the process of a program has ended, and its pause with it.
func (p *pauses) forget(program *fleet.Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.until, program)
}

// pause pauses a program for a while, and returns at once. What is paused goes on also when nobody looks any more.
func (s *Stage) pause(who string, program *fleet.Program, d time.Duration) error {
	until := time.Now().Add(d)
	if err := s.pauses.begin(program, until); err != nil {
		return err
	}
	s.work.Go(func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-s.ended.Done():
			return // its process ends with the world
		case <-timer.C:
		}
		if went, err := s.pauses.endDue(program, time.Now()); went || err != nil {
			s.diary.tell(moments.OfResumed(s.Now(), who, err))
		}
	})
	return nil
}
