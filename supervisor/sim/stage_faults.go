// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// strike does a fault.
type strike func(*Stage, script.Fault) error

// strikes returns what is done for each kind of fault.
func strikes() map[script.FaultKind]strike {
	return map[script.FaultKind]strike{
		script.Kill:     (*Stage).kill,
		script.KillAll:  (*Stage).killAll,
		script.StopNode: (*Stage).stop,
		script.Start:    (*Stage).startOne,
		script.StartAll: (*Stage).startAll,
		script.PowerOff: (*Stage).powerOff,
		script.Pause:    (*Stage).pauseNode,
		script.Freeze:   (*Stage).freeze,
		script.Wipe:     (*Stage).wipe,

		script.Cut:       (*Stage).cut,
		script.CutPair:   (*Stage).cutPair,
		script.CutOneWay: (*Stage).cutOneWay,
		script.CutRail:   (*Stage).cutRail,
		script.Heal:      (*Stage).heal,
		script.Loss:      (*Stage).lose,
		script.Delay:     (*Stage).delay,
		script.Hold:      (*Stage).hold,

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

		script.SlowDisk:   (*Stage).slowDisk,
		script.BrokenDisk: (*Stage).breakDisk,
		script.MendDisk:   (*Stage).mendDisk,
		script.ClockRate:  (*Stage).clockRate,
	}
}

// Errors of faults that hit nobody.
var (
	errNoSupervisor = errors.New("its Evenkeel does not run")
	errNoApp        = errors.New("its application does not run")
	errNoProxy      = errors.New("its HAProxy does not run")
	errNoPower      = errors.New("it has no power")
)

// Fault does something to the world. Whatever is as the fault would make it already is left alone.
func (s *Stage) Fault(ctx context.Context, f script.Fault) error {
	do, ok := strikes()[f.Kind]
	if !ok {
		return fmt.Errorf("%s: %w", f.Kind, script.ErrNotHere)
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	at := s.act()
	s.w.say("FAULT", f.String())
	if err := do(s, f); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	s.tell(moments.OfFault(at, f))
	return s.broken()
}

// act notes that a fault or an order begins, and returns when. What balancers have shown by now was not its doing.
func (s *Stage) act() time.Duration {
	s.sample()
	for _, show := range s.shows {
		show.news = nil
	}
	return s.Now()
}

// machine returns the machine of that name.
func (s *Stage) machine(name string) (*machine, error) {
	if m := s.w.machine(name); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("there is no machine %q", name)
}

// node returns the machine of that name, which has an Evenkeel.
func (s *Stage) node(name string) (*machine, error) {
	m, err := s.machine(name)
	if err == nil && !s.isNode(name) {
		err = fmt.Errorf("%s has no Evenkeel", name)
	}
	return m, err
}

func (s *Stage) kill(f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	m.end()
	return nil
}

func (s *Stage) killAll(script.Fault) error {
	for _, m := range s.w.nodes {
		m.end()
	}
	return nil
}

// stop returns when the process has ended. One that is paused hears of it when it goes on.
func (s *Stage) stop(f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	for life := m.life; m.runs() && m.life == life; {
		s.w.leave(m) // again and again is as good as once
		if err := s.run(s.w.now + stageGrain); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) startOne(f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	return s.startMachine(m)
}

func (s *Stage) startAll(script.Fault) error {
	for _, m := range s.w.machines {
		if err := s.startMachine(m); err != nil {
			return err
		}
	}
	return nil
}

// startMachine starts whatever has no process. What hangs or fails has one.
func (s *Stage) startMachine(m *machine) error {
	if s.isFrozen(m) {
		return fmt.Errorf("%s is frozen", m.name)
	}
	m.powerOn()
	if m.app != nil && m.app.fate == appDead {
		m.app.set(appRuns)
	}
	if m.proxy != nil && !m.proxy.runs {
		m.proxy.start()
	}
	if s.isNode(string(m.name)) {
		m.start()
	}
	return nil
}

func (s *Stage) powerOff(f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil || m.off {
		return err
	}
	if m.clock.stopped {
		m.clock.goOn(s.w.now)
	}
	m.powerOff()
	s.frozen[m.index] = 0
	s.forget(m)
	s.client.strike(m, m.proxy)
	return nil
}

func (s *Stage) wipe(f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	if m.runs() {
		return errors.New("its Evenkeel runs: kill or stop it first")
	}
	m.wipe()
	return nil
}

// slowDisk lets every sync take that long on average, by a third of it more or less.
func (s *Stage) slowDisk(f script.Fault) error {
	m, err := s.node(f.Node)
	if err == nil {
		m.disk.sync = f.For * 2 / 3
	}
	return err
}

// breakDisk lets the next sync fail, which ends the process.
func (s *Stage) breakDisk(f script.Fault) error {
	m, err := s.node(f.Node)
	if err == nil {
		m.disk.broken = true
	}
	return err
}

// mendDisk makes the disk fast and whole again, for the sync under way as well.
func (s *Stage) mendDisk(f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	m.disk.broken, m.disk.sync = false, stageSync
	if m.disk.busy && m.disk.done > s.w.now+stageSync {
		m.doneIn(stageSync)
	}
	return nil
}

func (s *Stage) clockRate(f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	const percent = million / 100
	if m.clock.stopped {
		m.clock.ppm = int64(f.Percent) * percent // from when it goes on
		return nil
	}
	m.bend(int64(f.Percent) * percent)
	return nil
}

// meddleProxy does what somebody at the stats socket would: what does not serve is set to ready, and what serves to maint.
func (s *Stage) meddleProxy(f script.Fault) error {
	p, err := s.runningProxy(f.Node)
	if err != nil {
		return err
	}
	k := serverOf(f.Peer)
	h, known := p.servers[k]
	if !known {
		return fmt.Errorf("there is no server %s", k)
	}
	to := lbsync.Ready
	if inRotation(h) {
		to = lbsync.Maint
	}
	p.meddle(k, int(to))
	return nil
}
