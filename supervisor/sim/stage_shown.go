// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"maps"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// showing is the record of what one balancer showed of its servers, sampled all the time while it runs.
type showing struct {
	p       *proxy
	have    map[lbsync.Key]lbsync.Have
	changes []moments.Change
	news    *moments.Change // the first one since the last fault or order
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
			show.sample(s.Now())
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
		c := moments.Change{At: now, Server: k.String(), From: shown(from), To: shown(to)}
		s.changes, s.have[k] = remember(s.changes, c), to
		if s.news == nil {
			s.news = &c
		}
	}
}

// serverOf is the server of a member that is named as pool/name.
func serverOf(member string) lbsync.Key {
	return lbsync.Key{Backend: poolName, Server: strings.TrimPrefix(member, script.Pool+"/")}
}

// inRotation tells whether the server gets new requests.
func inRotation(h lbsync.Have) bool { return h.Serving() && h.Up }

// shows returns what the balancer shows of the server of a member.
func (p *proxy) shows(member string) (moments.Server, bool) {
	h, known := p.servers[serverOf(member)]
	return shown(h), known
}

// shown says the state of a server in HAProxy's words.
func shown(h lbsync.Have) moments.Server {
	words := "UP"
	switch {
	case h.Effective() == lbsync.Maint:
		words = "MAINT"
	case h.Effective() == lbsync.Drain:
		words = "DRAIN"
	case !h.Up:
		words = "DOWN"
	case h.Weight == 0:
		words = "UP with weight 0"
	}
	return moments.Server{Words: words, Serves: inRotation(h)}
}
