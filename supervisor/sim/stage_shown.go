// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"maps"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// showing is the record of what one balancer showed of its servers, sampled all the time while it runs.
type showing struct {
	p       *proxy
	have    map[lbsync.Key]lbsync.Have
	changes []changed
	news    *changed // the first change since the last fault or order
}

// changed is that a server went from one state to another.
type changed struct {
	at       time.Duration // of the sample that showed it
	key      lbsync.Key
	from, to lbsync.Have
}

// answers tells whether the balancer has a process that is not paused.
func (p *proxy) answers() bool { return p.runs && !p.hangs }

// keepSampling samples every balancer from now on.
func (s *Stage) keepSampling() {
	s.sample()
	s.w.do(stageGrain, s.keepSampling)
}

// sample samples every balancer that runs. Whoever looks at balancers does so first, so that no look shows a change that the
// record lacks.
func (s *Stage) sample() {
	for _, show := range s.shows {
		if show.p.answers() {
			show.sample(s.w.now)
		}
	}
}

func (s *showing) sample(now time.Duration) {
	if s.have == nil {
		s.have = maps.Clone(s.p.servers)
		return
	}
	for _, m := range s.p.w.machines {
		k := key(m)
		from, was := s.have[k]
		to, is := s.p.servers[k]
		if !was || !is || from == to {
			continue
		}
		c := changed{now, k, from, to}
		s.changes, s.have[k] = remember(s.changes, c), to
		if s.news == nil {
			s.news = &c
		}
	}
}

// serverOf is the server of a member that is named as pool/name.
func serverOf(member string) lbsync.Key {
	return lbsync.Key{Backend: poolName, Server: memberMachine(member)}
}

// memberMachine is the machine of a member that is named as pool/name, or nothing.
func memberMachine(subject string) string {
	name, ok := strings.CutPrefix(subject, script.Pool+"/")
	if !ok {
		return ""
	}
	return name
}

// inRotation tells whether the server gets new requests.
func inRotation(h lbsync.Have) bool { return h.Serving() && h.Up }

// serverState says the state of a server in HAProxy's words.
func serverState(h lbsync.Have) string {
	switch {
	case h.Effective() == lbsync.Maint:
		return "MAINT"
	case h.Effective() == lbsync.Drain:
		return "DRAIN"
	case !h.Up:
		return "DOWN"
	case h.Weight == 0:
		return "UP with weight 0"
	}
	return "UP"
}

// memberState tells what a server's state means for a member: it serves when the balancer sends it new requests, it is out
// when it is in maint, and drained when neither is so.
func memberState(h lbsync.Have) script.State {
	switch {
	case inRotation(h):
		return script.StateServes
	case h.Effective() == lbsync.Maint:
		return script.StateOut
	}
	return script.StateDrained
}
