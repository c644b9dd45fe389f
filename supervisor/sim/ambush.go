// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/evenkeel-ha/evenkeel/supervisor/guard"

// spot is a place in an act of a guard.
type spot uint8

const (
	beforeLook spot = iota // it was decided, and the clock was not looked at yet
	midAct                 // the clock was looked at, and nothing was done yet
	afterDeed              // it was done, and the clock was not looked at again yet
	spots
)

// String names the spot.
func (s spot) String() string {
	if s < spots {
		return [spots]string{"before it looks at the clock", "in the middle of an act", "after an act"}[s]
	}
	return "between its acts"
}

// ambush is what befalls a guard when it comes to a spot of an act.
type ambush struct {
	kind guard.OpKind // of the act; 0 = any
	at   spot
	do   func()
}

// meets lets a guard come to a spot of an act.
func (g *guardian) meets(o guard.Op, at spot) {
	if a := g.ambush; a != nil && a.at == at && (a.kind == 0 || a.kind == o.Kind) {
		g.ambush = nil
		a.do()
	}
}

// trap lets it stand still in the middle of its next act.
func (g *guardian) trap(stands func()) { g.ambush = &ambush{at: midAct, do: stands} }
