// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// holdFloors changes the goals that would take a backend under its drain floor. Who is kept is chosen by rank, then by
// name, so that the choice is the same at every step.
func holdFloors(goals []goal, floors map[string]int, have Snapshot) {
	owner := make(map[Key]*goal, len(goals))
	for i := range goals {
		if goals[i].owned {
			owner[goals[i].want.Key] = &goals[i]
		}
	}
	for _, backend := range slices.Sorted(maps.Keys(floors)) {
		holdFloor(backend, floors[backend], owner, have)
	}
}

// holdFloor keeps servers of one backend twice: first those who shall carry the floor in the end, put back if need be;
// then, while some of those are not seen in service yet, further ones that serve now.
func holdFloor(backend string, floor int, owner map[Key]*goal, have Snapshot) {
	var candidates []*goal
	var will, now int
	for _, k := range slices.SortedFunc(maps.Keys(have.Servers), Key.Compare) {
		if k.Backend != backend {
			continue
		}
		h, g := have.Servers[k], owner[k]
		switch {
		case g == nil || g.admin == Ready:
			if h.Serving() {
				now++
			}
			if h.Serving() || g != nil && g.willServe() {
				will++
			}
		case g.keepable():
			candidates = append(candidates, g)
		}
	}
	slices.SortStableFunc(candidates, func(a, b *goal) int {
		return cmp.Or(cmp.Compare(a.want.Rank, b.want.Rank), a.want.Key.Compare(b.want.Key))
	})
	for _, g := range candidates {
		serving := g.have.Serving()
		if will >= floor && (now >= floor || !serving) {
			continue
		}
		g.hold("kept: drain floor " + itoa(floor) + " of " + backend)
		will++
		if serving {
			now++
		}
	}
}

// willServe tells whether a server whose goal is ready serves once the operations took.
func (g *goal) willServe() bool {
	return g.have.Inherited == Ready && (g.weight > 0 || g.have.Weight > 0)
}

// keepable tells whether the floor may keep the server: it is to leave, nobody forced it, it is not in maintenance
// already (somebody may rely on that), and it could take traffic at once.
func (g *goal) keepable() bool {
	if g.want.Force || g.want.Service == ServiceServe || g.have.Admin == Maint {
		return false
	}
	if g.next.proof == proofStale || g.next.proof == proofAwaited && !g.have.Up {
		return false
	}
	return g.have.Inherited == Ready && g.have.Weight > 0
}

// hold keeps the server in service. A drain that was under way begins anew when the floor lets it.
func (g *goal) hold(reason string) {
	g.admin, g.phase, g.kill, g.healthDown = Ready, PhaseHeld, false, false
	g.reason = reason + " (" + g.want.reason() + ")"
	g.next.drainSince, g.next.proof = time.Time{}, proofGood
	g.deadline, g.wake = time.Time{}, time.Time{}
}
