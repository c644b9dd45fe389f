// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// blow is something that befalls the holder.
type blow struct {
	name string
	// strike does it, and returns when it took effect.
	strike func(s *stand, holder *fleet.Machine) (time.Time, error)
	// mend undoes it.
	mend func(s *stand, holder *fleet.Machine) error
	// stays tells that the address does not move.
	stays bool
}

func blows() []blow {
	return []blow{
		{
			name:   "cut off",
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) { return s.world.Cut(m.Node) },
			mend:   func(s *stand, m *fleet.Machine) error { return ignore(s.world.Heal(m.Node)) },
		},
		{
			name:   "machine dies",
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) { return s.world.PowerOff(m.Node) },
			mend: func(s *stand, m *fleet.Machine) error {
				if _, err := s.world.PowerOn(s.t.Context(), m.Node); err != nil {
					return err
				}
				if err := s.wire.tap(context.WithoutCancel(s.t.Context()), s.world, m); err != nil {
					return err
				}
				return m.Start(s.t.Context())
			},
		},
		{
			name: "haproxy dies",
			strike: func(_ *stand, m *fleet.Machine) (time.Time, error) {
				at := time.Now()
				return at, m.Kept().Kill(context.Background())
			},
			mend: func(s *stand, m *fleet.Machine) error { return m.Start(s.t.Context()) },
		},
		{
			name: "planned move",
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) {
				at := time.Now()
				_, err := m.API.SetResource(s.t.Context(), vipName, api.ResourceRequest{Verb: cluster.VerbMove, Node: s.other(m).ID()})
				return at, err
			},
			mend: func(*stand, *fleet.Machine) error { return nil },
		},
		{
			name: "evenkeel stopped",
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) {
				return time.Now(), m.Supervisor.Stop(s.t.Context())
			},
			mend: func(s *stand, m *fleet.Machine) error { return m.Start(s.t.Context()) },
		},
		{
			name: "supervisor killed", stays: true,
			strike: func(_ *stand, m *fleet.Machine) (time.Time, error) {
				at := time.Now()
				if err := m.Supervisor.Signal(syscall.SIGKILL); err != nil {
					return at, err
				}
				if _, err := m.Supervisor.Wait(context.Background()); err != nil {
					return at, err
				}
				return at, m.Start(context.Background())
			},
			mend: func(*stand, *fleet.Machine) error { return nil },
		},
		{
			name: "supervisor upgraded", stays: true,
			strike: func(_ *stand, m *fleet.Machine) (time.Time, error) {
				return time.Now(), m.Supervisor.Signal(syscall.SIGHUP)
			},
			mend: func(*stand, *fleet.Machine) error { return nil },
		},
		{
			name: "guard killed", stays: true,
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) {
				return time.Now(), signal(syscall.SIGKILL, s.guards(m))
			},
			mend: func(*stand, *fleet.Machine) error { return nil },
		},
	}
}

func ignore(_ time.Time, err error) error { return err }

// TestTakeover lets the holder meet one blow after the other.
func TestTakeover(t *testing.T) {
	s := open(t, options{})
	for _, b := range blows() {
		ok := t.Run(b.name, func(t *testing.T) {
			s := s.in(t)
			holder := s.held("")
			report := s.asks()
			time.Sleep(200 * time.Millisecond)
			begin := time.Now()
			at, err := b.strike(s, holder)
			s.must(err)
			moves := 0
			if b.stays {
				time.Sleep(quiet)
				s.held(holder.Name)
			} else {
				moves = 1
				s.held(s.other(holder).Name)
				time.Sleep(200 * time.Millisecond)
			}
			r := report(begin)
			t.Logf("gap %s, until %s after it; of %d requests %d failed %v", r.Gap().Round(time.Millisecond), r.GapTo.Sub(at).Round(time.Millisecond), r.Sent, r.Failed, r.Kinds)
			s.wire.never(t, begin, moves)
			if b.stays && r.Failed > 0 {
				t.Errorf("%d requests failed", r.Failed)
			}
			s.must(b.mend(s, holder))
			s.must(s.AwaitWell(t.Context()))
			time.Sleep(quiet)
			if now := s.held(""); b.stays != (now == holder) {
				t.Errorf("%s holds it in the end", now.Name)
			}
			s.wire.never(t, begin, moves)
		})
		if !ok {
			t.FailNow()
		}
	}
}
