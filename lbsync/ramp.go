// SPDX-License-Identifier: Apache-2.0

package lbsync

import "time"

// rampSteps is how many steps a slow start takes from nothing to the full weight.
const rampSteps = 10

// ramp sets the phase and weight of a server in service. HAProxy's own slowstart does not run after a drain, so the
// weight is ours to raise.
func (g goal) ramp(now time.Time) goal {
	g.phase = PhaseReady
	if g.want.Weight == 0 && g.want.SlowStart == 0 {
		return g.giveBack()
	}
	if g.have.Static {
		g.next.rampSince = time.Time{}
		if g.want.Weight > 0 {
			g.obstacle = "backend " + g.want.Key.Backend + " has a static algorithm and takes no weights: use balance roundrobin"
			g.reason = g.obstacle
		}
		return g
	}
	full := g.want.Weight
	if full == 0 {
		full = g.have.InitWeight
	}
	g.weight, g.next.weighed = full, true
	step := g.want.SlowStart / rampSteps
	elapsed := now.Sub(g.next.rampSince)
	if g.next.rampSince.IsZero() || step <= 0 || elapsed >= g.want.SlowStart {
		g.next.rampSince = time.Time{}
		return g
	}
	done := 1 + int(max(elapsed, 0)/step)
	g.weight = min(full, (full*done+rampSteps-1)/rampSteps)
	if g.weight == full {
		return g
	}
	g.phase, g.wake = PhaseRamping, g.next.rampSince.Add(time.Duration(done)*step)
	g.reason = "weight " + itoa(g.weight) + " of " + itoa(full) + ": " + g.want.reason()
	return g
}

// giveBack ends our say in the weight. One that we set, be it in the middle of a slow start, goes back to the configured one
// first: nobody else would raise it again.
func (g goal) giveBack() goal {
	g.next.rampSince = time.Time{}
	if g.next.weighed = g.next.weighed && g.have.Weight != g.have.InitWeight && !g.have.Static; g.next.weighed {
		g.weight = g.have.InitWeight
	}
	return g
}
