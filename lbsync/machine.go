// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"slices"
	"time"
)

const (
	// tick is the longest time between two steps: the net under lost hints.
	tick = time.Second
	// pollPending is the time to the next step while an answer of the balancer is awaited: an operation to be confirmed,
	// a check to pass, sessions to finish.
	pollPending = 100 * time.Millisecond
)

// Machine is the state machine of one balancer. It remembers only what no snapshot can tell: since when a server
// drains or ramps, and what was seen last. It is not safe for concurrent use.
type Machine struct {
	epoch   Epoch
	servers map[Key]memory
}

// memory is what the machine remembers of one server. It outlives a change of the epoch, but for seen.
type memory struct {
	// phase and since are what was reported last.
	phase Phase
	since time.Time
	// life is the last phase of the server while it was ours to write.
	life Phase
	// drainSince is when the planned drain began, zero when there is none.
	drainSince time.Time
	// rampSince is when the server came back into service, zero when its weight is not rising.
	rampSince time.Time
	// weighed is set while the weight is what we made it.
	weighed bool
	proof   proof
	seen    seen
}

// proof says what a passed check of the balancer is worth. HAProxy shows a server that leaves maintenance as up before
// any check, so its word counts only after it was seen down, which OpHealthDown brings about.
type proof uint8

const (
	// proofGood means that the check, where there is one, can be believed.
	proofGood proof = iota
	// proofStale means that the last passed check may date from before a maintenance.
	proofStale
	// proofAwaited means that the health was seen down since, so that the next passed check is fresh.
	proofAwaited
)

// observed returns the worth of the check after a reading. Of a server that we meet drained nothing is known yet, and
// one that is in service takes traffic already, whatever its check is worth.
func (p proof) observed(h Have, life Phase) proof {
	met := life == 0 && h.Admin == Drain
	switch {
	case !h.Checked || h.Admin == Ready:
		return proofGood
	case h.Admin == Maint:
		return proofStale
	case (p == proofStale || met) && !h.Up:
		return proofAwaited
	case met:
		return proofStale
	default:
		return p
	}
}

// seen is what a step found as it should be; another finding in the same epoch is somebody else's doing.
type seen struct {
	valid  bool
	admin  Admin
	weight int
}

// NewMachine returns a machine that knows nothing about its balancer yet.
func NewMachine() *Machine {
	return &Machine{servers: map[Key]memory{}}
}

// Step compares what is wanted with what the balancer shows and says what to do. Floors give, per backend, the number
// of serving servers that our operations must leave. Call it with each reading, including the read-back of an Apply.
func (m *Machine) Step(now time.Time, wants []Want, floors map[string]int, have Snapshot) Plan {
	fresh := !m.epoch.Equal(have.Epoch)
	m.epoch = have.Epoch
	wants, twice := unique(wants)
	goals := make([]goal, 0, len(wants))
	for _, w := range wants {
		mem := m.servers[w.Key]
		if fresh {
			mem.seen = seen{}
		}
		h, found := have.Servers[w.Key]
		switch {
		case twice[w.Key]:
			goals = append(goals, untouched(w, h, mem, PhaseLeft).blocked("wanted twice: name each server once"))
		case !found:
			goals = append(goals, untouched(w, h, mem, PhaseMissing).blocked(
				"backend "+w.Key.Backend+" has no server "+w.Key.Server))
		default:
			goals = append(goals, aim(now, w, h, mem))
		}
	}
	holdFloors(goals, floors, have)
	return m.settle(now, goals)
}

// settle turns goals into a plan and remembers them. Servers that are wanted no longer are forgotten.
func (m *Machine) settle(now time.Time, goals []goal) Plan {
	plan := Plan{Wake: now.Add(tick), InStep: true}
	next := make(map[Key]memory, len(goals))
	for i := range goals {
		g := &goals[i]
		if g.next.phase != g.phase || g.next.since.IsZero() {
			g.next.phase, g.next.since = g.phase, now
		}
		if g.owned {
			g.next.life = g.phase
		}
		if g.drift = g.drifted(); g.drift {
			plan.Drift++
		}
		ops := g.ops()
		g.next.seen = seen{
			valid: g.owned && g.have.Admin == g.admin && g.weightRight(),
			admin: g.have.Admin, weight: g.have.Weight,
		}
		next[g.want.Key] = g.next
		plan.Ops = append(plan.Ops, ops...)
		plan.Phases = append(plan.Phases, g.report())
		if g.phase == PhaseHeld {
			plan.Held = append(plan.Held, Hold{Key: g.want.Key, Reason: g.reason})
		}
		if g.obstacle != "" || len(ops) > 0 {
			plan.InStep = false
		}
		if !g.wake.IsZero() && g.wake.Before(plan.Wake) {
			plan.Wake = g.wake
		}
	}
	if len(plan.Ops) > 0 {
		plan.Wake = earlier(plan.Wake, now.Add(pollPending))
	}
	slices.SortFunc(plan.Ops, compareOps)
	m.servers = next
	return plan
}

// unique sorts wants by key and keeps one of each, naming those that were given more than once.
func unique(wants []Want) ([]Want, map[Key]bool) {
	sorted := slices.SortedFunc(slices.Values(wants), func(a, b Want) int { return a.Key.Compare(b.Key) })
	twice := map[Key]bool{}
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Key == sorted[i-1].Key {
			twice[sorted[i].Key] = true
		}
	}
	return slices.CompactFunc(sorted, func(a, b Want) bool { return a.Key == b.Key }), twice
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
