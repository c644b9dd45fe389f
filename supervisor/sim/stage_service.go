// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// app returns the application of the machine of that name.
func (s *Stage) app(name string) (*app, error) {
	m, err := s.machine(name)
	if err != nil {
		return nil, err
	}
	if m.app == nil {
		return nil, fmt.Errorf("%s has no application", name)
	}
	return m.app, nil
}

// runningApp returns the application, if it has a process.
func (s *Stage) runningApp(name string) (*app, error) {
	a, err := s.app(name)
	if err == nil && a.fate == appDead {
		err = errNoApp
	}
	return a, err
}

func (s *Stage) crashApp(f script.Fault) error {
	a, err := s.app(f.Node)
	if err != nil {
		return err
	}
	a.set(appDead)
	s.client.strike(a.on, nil)
	return nil
}

func (s *Stage) hangApp(f script.Fault) error {
	a, err := s.runningApp(f.Node)
	if err == nil {
		a.set(appHangs)
	}
	return err
}

func (s *Stage) failApp(f script.Fault) error {
	a, err := s.runningApp(f.Node)
	if err == nil {
		a.set(appFails)
	}
	return err
}

func (s *Stage) startApp(f script.Fault) error {
	a, err := s.app(f.Node)
	if err != nil {
		return err
	}
	if a.on.off {
		return errNoPower
	}
	a.set(appRuns)
	return nil
}

// proxy returns the HAProxy of the machine of that name.
func (s *Stage) proxy(name string) (*proxy, error) {
	m, err := s.machine(name)
	if err != nil {
		return nil, err
	}
	if m.proxy == nil {
		return nil, fmt.Errorf("%s has no HAProxy", name)
	}
	return m.proxy, nil
}

func (s *Stage) runningProxy(name string) (*proxy, error) {
	p, err := s.proxy(name)
	if err == nil && !p.answers() {
		err = errNoProxy
	}
	return p, err
}

// reloadProxy begins a new process; the old one still answers the requests that it has. Evenkeel notices by itself, as where
// HAProxy has no ring for its messages.
func (s *Stage) reloadProxy(f script.Fault) error {
	p, err := s.runningProxy(f.Node)
	if err != nil {
		return err
	}
	p.reload()
	if p.on.keeper != nil {
		p.on.keeper.soon(lookEvery)
	}
	return nil
}

func (s *Stage) killProxy(f script.Fault) error {
	p, err := s.proxy(f.Node)
	if err != nil {
		return err
	}
	p.stop()
	s.client.strike(nil, p)
	if p.on.keeper != nil {
		p.on.keeper.soon(actWithin) // it hears at once that its connection ends
	}
	return nil
}

func (s *Stage) startProxy(f script.Fault) error {
	p, err := s.proxy(f.Node)
	switch {
	case err != nil:
		return err
	case p.on.off:
		return errNoPower
	case !p.runs:
		p.start()
	}
	return nil
}

func (s *Stage) pauseProxy(f script.Fault) error {
	p, err := s.proxy(f.Node)
	if err != nil {
		return err
	}
	if !p.runs {
		return errNoProxy
	}
	until := &s.hung[p.on.index]
	*until = longer(p.hangs, *until, s.w.now+f.For)
	p.hangs = true
	pid := p.pid
	s.w.do(f.For, func() {
		if p.pid == pid && p.hangs && *until <= s.w.now && !s.isFrozen(p.on) {
			p.hangs = false
			s.tellResumed(f.Node + "/haproxy")
		}
	})
	return nil
}

// longer is until when something stands still that is asked to do so, perhaps again.
func longer(already bool, until, asked time.Duration) time.Duration {
	if already {
		return max(until, asked)
	}
	return asked
}

// pauseNode lets its Evenkeel stand still for a while.
func (s *Stage) pauseNode(f script.Fault) error {
	m, err := s.node(f.Node)
	if err != nil {
		return err
	}
	if !m.runs() {
		return errNoSupervisor
	}
	until := &s.still[m.index]
	*until = longer(m.paused, *until, s.w.now+f.For)
	m.paused = true
	life := m.life
	s.w.do(f.For, func() {
		if m.life == life && m.paused && *until <= s.w.now && !s.isFrozen(m) {
			m.resume()
			s.tellResumed(f.Node)
		}
	})
	return nil
}

// freeze lets a machine stand still with its clocks, and with everything that runs there.
func (s *Stage) freeze(f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	if m.off {
		return errNoPower
	}
	already := s.isFrozen(m)
	s.frozen[m.index] = longer(already, s.frozen[m.index], s.w.now+f.For)
	if !already {
		m.clock.stop(s.w.now)
		m.paused = m.runs()
		if m.proxy != nil {
			m.proxy.hangs = true
		}
		if m.app != nil {
			s.thawed[m.index] = m.app.fate
			if m.app.fate != appDead {
				m.app.set(appHangs)
			}
		}
	}
	s.w.do(f.For, func() { s.thaw(m) })
	return nil
}

func (s *Stage) isFrozen(m *machine) bool { return s.frozen[m.index] > s.w.now }

// thaw ends what freeze began, but not what was paused for longer.
func (s *Stage) thaw(m *machine) {
	if s.frozen[m.index] == 0 || s.isFrozen(m) {
		return
	}
	s.frozen[m.index] = 0
	if m.clock.stopped {
		m.clock.goOn(s.w.now)
	}
	if m.proxy != nil && s.hung[m.index] <= s.w.now {
		m.proxy.hangs = false
	}
	if m.app != nil && m.app.fate == appHangs {
		m.app.set(s.thawed[m.index])
	}
	m.guard.thawed(0)
	if s.still[m.index] <= s.w.now {
		m.resume()
	}
	s.tellResumed(string(m.name))
}
