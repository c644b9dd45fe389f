// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// strike does a fault.
type strike func(*Stage, context.Context, script.Fault) error

// strikes returns what is done for each kind of fault. Kinds that are missing cannot be done to real machines.
func strikes() map[script.FaultKind]strike {
	return map[script.FaultKind]strike{
		script.Kill:     (*Stage).kill,
		script.KillAll:  (*Stage).killAll,
		script.StopNode: (*Stage).stop,
		script.Start:    (*Stage).startOne,
		script.StartAll: (*Stage).startAll,
		script.PowerOff: (*Stage).powerOff,
		script.Pause:    (*Stage).pauseNode,
		script.Wipe:     (*Stage).wipe,

		script.Cut:       (*Stage).cut,
		script.CutPair:   (*Stage).cutPair,
		script.CutOneWay: (*Stage).cutOneWay,
		script.CutRail:   (*Stage).cutRail,
		script.Heal:      (*Stage).heal,
		script.Loss:      (*Stage).lose,

		script.CrashApp: (*Stage).crashApp,
		script.HangApp:  (*Stage).hangApp,
		script.FailApp:  (*Stage).failApp,
		script.StartApp: (*Stage).startApp,

		script.ReloadProxy: (*Stage).reloadProxy,
		script.KillProxy:   (*Stage).killProxy,
		script.StartProxy:  (*Stage).startProxy,
		script.PauseProxy:  (*Stage).pauseProxy,
		script.MeddleProxy: (*Stage).meddleProxy,

		script.KillGuard:  (*Stage).killGuard,
		script.PauseGuard: (*Stage).pauseGuard,
		script.AddByHand:  (*Stage).addByHand,
		script.DelByHand:  (*Stage).delByHand,
	}
}

// Fault does something to the world. It returns when it is done, not when the cluster has noticed; what lasts for a time has
// begun by then. Whatever is as the fault would make it already is left alone: who does not run is not killed again.
func (s *Stage) Fault(ctx context.Context, f script.Fault) error {
	do, ok := strikes()[f.Kind]
	if !ok {
		return fmt.Errorf("%s: %w, as it would need more than real machines allow: play it with --world sim", f.Kind, script.ErrNotHere)
	}
	at := s.diary.act(s.Now())
	if err := do(s, ctx, f); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	s.diary.tell(moments.OfFault(at, f))
	return nil
}

func (s *Stage) kill(ctx context.Context, f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	return s.killNow(ctx, m.Supervisor)
}

// killNow ends the processes of programs with -9, all at once, and returns when they have ended.
func (s *Stage) killNow(ctx context.Context, programs ...*fleet.Program) error {
	var struck []*fleet.Program
	for _, p := range programs {
		if !p.Running() {
			continue
		}
		if err := p.Strike(); err != nil {
			return err
		}
		struck = append(struck, p)
	}
	return s.awaitEnd(ctx, struck)
}

// awaitEnd returns when programs have ended that were told to.
func (s *Stage) awaitEnd(ctx context.Context, programs []*fleet.Program) error {
	for _, p := range programs {
		if _, err := p.Wait(ctx); err != nil {
			return err
		}
		s.pauses.forget(p)
	}
	return nil
}

func (s *Stage) killAll(ctx context.Context, _ script.Fault) error {
	var all []*fleet.Program
	for _, m := range s.fleet.Nodes() {
		all = append(all, m.Supervisor)
	}
	return s.killNow(ctx, all...)
}

func (s *Stage) stop(ctx context.Context, f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil || !m.Supervisor.Running() {
		return err
	}
	return m.Supervisor.Stop(ctx)
}

func (s *Stage) startOne(ctx context.Context, f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	return s.startMachine(ctx, m)
}

func (s *Stage) startMachine(ctx context.Context, m *fleet.Machine) error {
	if !m.Node.PoweredOn() {
		if _, err := s.world.PowerOn(ctx, m.Node); err != nil {
			return err
		}
		if err := s.tapAll(m); err != nil {
			return err
		}
	}
	return m.Start(ctx)
}

func (s *Stage) startAll(ctx context.Context, _ script.Fault) error {
	for _, m := range s.fleet.Machines() {
		if err := s.startMachine(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) powerOff(ctx context.Context, f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil || !m.Node.PoweredOn() {
		return err
	}
	if _, err := s.world.PowerOff(m.Node); err != nil {
		return err
	}
	for _, w := range s.wires {
		w.stray(m.Name, false)
	}
	var ended []*fleet.Program
	for _, p := range m.Programs() {
		if p.Started() {
			ended = append(ended, p)
		}
	}
	return s.awaitEnd(ctx, ended)
}

func (s *Stage) pauseNode(_ context.Context, f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	if !m.Supervisor.Running() {
		return errors.New("its Evenkeel does not run")
	}
	return s.pause(m.Name, m.Supervisor, f.For)
}

func (s *Stage) wipe(_ context.Context, f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	if m.Supervisor.Running() {
		return errors.New("its Evenkeel runs: kill or stop it first")
	}
	return m.Wipe()
}
