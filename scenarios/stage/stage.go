// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// grain is the time between two looks. A look costs each node a view of its cluster.
const grain = 50 * time.Millisecond

// Stage is a cluster of real nodes in which a script is played.
type Stage struct {
	opts    Options
	made    bool // the folder of the options is ours
	world   *lab.Lab
	fleet   *fleet.Fleet
	client  *lab.Node
	load    *load.Client // nil if nobody asks
	journal *journal
	diary   diary
	pauses  *pauses
	guards  guards
	watches map[string]*haproxy.Watch // by machine
	wires   map[string]*wire          // by resource

	start      time.Time // of the script
	lostBefore int64     // requests that had failed by then

	work  sync.WaitGroup // all goroutines of the stage
	ended context.Context
	end   context.CancelFunc

	closing  sync.Once
	closeErr error
}

var _ script.Stage = (*Stage)(nil)

// Now is the time since the script began.
func (s *Stage) Now() time.Duration { return time.Since(s.start) }

// Grain is how long to let pass between two looks.
func (s *Stage) Grain() time.Duration { return grain }

// Pass lets time pass.
func (s *Stage) Pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Evidence returns the last lines of every log that is not empty: what is known when something went wrong.
func (s *Stage) Evidence(lines int) []fleet.Excerpt {
	if s.fleet == nil {
		return nil
	}
	return s.fleet.Evidence(lines)
}

// Dir returns the folder with the files of the stage, logs among them. It is gone when the stage is closed, unless it was to
// be kept.
func (s *Stage) Dir() string { return s.opts.Dir }

// Close ends everything and removes what the stage made. It may be called again.
func (s *Stage) Close() error {
	s.closing.Do(func() {
		s.opts.Progress("removing the machines")
		s.end()
		if s.fleet != nil {
			s.fleet.Close()
		}
		if s.world != nil {
			s.closeErr = s.world.Close() // first: what is in flight ends with its node
		}
		s.work.Wait()
		if s.made && !s.opts.Keep {
			s.closeErr = errors.Join(s.closeErr, os.RemoveAll(s.opts.Dir))
		}
	})
	return s.closeErr
}

// machine returns the machine of that name.
func (s *Stage) machine(name string) (*fleet.Machine, error) {
	if m := s.fleet.Machine(name); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("stage: there is no machine %q", name)
}

// node returns the machine of that name, which has an Evenkeel.
func (s *Stage) node(name string) (*fleet.Machine, error) {
	m, err := s.machine(name)
	if err == nil && m.Supervisor == nil {
		err = fmt.Errorf("stage: %s has no Evenkeel", name)
	}
	return m, err
}

// proxy returns the HAProxy of the machine of that name.
func (s *Stage) proxy(name string) (*fleet.Proxy, error) {
	m, err := s.machine(name)
	if err != nil {
		return nil, err
	}
	if len(m.Proxies) == 0 {
		return nil, fmt.Errorf("stage: %s has no HAProxy", name)
	}
	return m.Kept(), nil
}

// app returns the application of the machine of that name.
func (s *Stage) app(name string) (*fleet.Machine, error) {
	m, err := s.machine(name)
	if err == nil && m.App == nil {
		err = fmt.Errorf("stage: %s has no application", name)
	}
	return m, err
}

// runs tells whether a program runs: it has a process, which is not paused.
func (s *Stage) runs(p *fleet.Program) bool { return p.Running() && !s.pauses.has(p) }
