// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"
)

func (w *World) inflictNetwork(k Kind) {
	m, o, d := w.victim(), w.anyNode(), w.span()
	w.say("FAULT", fmt.Sprintf("%s %s (%s) for %s", k, m.name, o.name, d))
	rail := 1 + w.rng.IntN(w.opt.Rails)
	cut := func(w *way) { w.cut = true }
	switch k { //nolint:exhaustive // the others are not of this group
	case CutNode:
		w.isolate(m, -1, cut)
	case CutPair:
		w.net.each(m.index, o.index, -1, cut)
		w.net.each(o.index, m.index, -1, cut)
	case CutOneWay:
		w.net.each(m.index, o.index, -1, cut)
	case CutRail:
		if w.rng.IntN(2) == 0 {
			w.isolate(m, rail, cut)
		} else {
			w.allWays(rail, cut)
		}
	case CutHalves:
		w.halves(cut)
	case CutService:
		w.isolate(m, 0, cut)
	case LoseFrames:
		w.net.loss[rail] = w.rng.Float64() * 0.6
	case DelayFrames:
		w.net.extra = w.some(time.Second)
	case RepeatFrames:
		w.net.twice = w.rng.Float64()
	case ShuffleFrames:
		w.net.shuffle, w.net.extra = true, w.some(20*time.Millisecond)
	case HoldFrames:
		until := min(w.now+min(d, 30*time.Second), w.opt.Chaos) // what is kept comes before all is healed
		w.isolate(m, -1, func(w *way) { w.hold = until })
	}
	w.railsChanged()
	w.undo(d, func() {
		w.net.heal() // of this fault and of all others: two at a time are enough
		w.say("FAULT", "the network is healed")
		w.railsChanged()
	})
}

// isolate changes all ways from and to a machine on one network, or on all.
func (w *World) isolate(m *machine, net int, change func(*way)) {
	for _, o := range w.machines {
		if o != m {
			w.net.each(m.index, o.index, net, change)
			w.net.each(o.index, m.index, net, change)
		}
	}
}

func (w *World) allWays(net int, change func(*way)) {
	for _, a := range w.machines {
		for _, b := range w.machines {
			if a != b {
				w.net.each(a.index, b.index, net, change)
			}
		}
	}
}

func (w *World) halves(change func(*way)) {
	side := make([]bool, len(w.machines))
	for i := range side {
		side[i] = w.rng.IntN(2) == 0
	}
	for _, a := range w.machines {
		for _, b := range w.machines {
			if side[a.index] != side[b.index] {
				w.net.each(a.index, b.index, -1, change)
			}
		}
	}
}
