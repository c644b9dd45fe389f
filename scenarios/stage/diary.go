// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// diary keeps what the stage itself did.
type diary struct {
	mu      sync.Mutex
	moments []script.Moment
	last    time.Duration // when the last fault or order began
}

// act notes that a fault or an order begins, and returns when.
func (d *diary) act(at time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = at
	return at
}

// lastAct returns when the last fault or order began; 0 is the script's start.
func (d *diary) lastAct() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *diary) tell(m script.Moment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moments = append(d.moments, m)
}

func (d *diary) all() []script.Moment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.moments)
}

// kindServer is the kind of what an HAProxy showed: as the product tells it, too.
const kindServer = "balancer.server"

// lane returns that of the HAProxy of a machine.
func lane(machine string) string { return machine + "/haproxy" }

// tellFault notes a fault that began at a time.
func (s *Stage) tellFault(at time.Duration, f script.Fault) {
	mends := map[script.FaultKind]bool{
		script.Start: true, script.StartAll: true, script.Heal: true, script.StartApp: true, script.StartProxy: true,
	}
	m := script.Moment{At: at, Lane: script.LaneFault, Kind: script.KindFault, What: f.String(), Bad: !mends[f.Kind], Good: mends[f.Kind]}
	s.diary.tell(m)
}

// tellResumed notes the end of a pause.
func (s *Stage) tellResumed(who string, err error) {
	m := script.Moment{At: s.Now(), Lane: script.LaneFault, Kind: script.KindFault, What: who + " goes on", Good: true}
	if err != nil {
		m.What, m.Reason, m.Good, m.Bad = who+" does not go on", err.Error(), false, true
	}
	s.diary.tell(m)
}

// tellOrder notes what was asked of a node, and how it was answered.
func (s *Stage) tellOrder(at time.Duration, asked *fleet.Machine, o script.Order, err error) {
	o.At, o.Refused = asked.Name, false
	m := script.Moment{At: at, Lane: script.LaneOperator, Kind: script.KindOrder, What: o.String()}
	if err != nil {
		m.Reason = err.Error()
	}
	s.diary.tell(m)
}
