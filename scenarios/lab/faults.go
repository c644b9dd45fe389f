// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"maps"
	"time"
)

// Cut black-holes the nodes on all networks; see [World].
func (l *Lab) Cut(nodes ...*Node) (time.Time, error) {
	return l.edit(func(cuts map[cut]struct{}) { l.eachPort(setCut, cuts, nodes) })
}

// CutRail black-holes the nodes on one network: rail i, counted from 1, or 0 for the service network.
func (l *Lab) CutRail(i int, nodes ...*Node) (time.Time, error) {
	if i < 0 || i > l.opts.Rails {
		return time.Time{}, fmt.Errorf("lab: rail %d: there are %d", i, l.opts.Rails)
	}
	return l.edit(func(cuts map[cut]struct{}) {
		for _, n := range nodes {
			cuts[cut{set: setCut, a: port{n.index, i}}] = struct{}{}
		}
	})
}

// CutPair stops all traffic between two nodes, in both directions and on all networks.
func (l *Lab) CutPair(a, b *Node) (time.Time, error) {
	return l.edit(func(cuts map[cut]struct{}) {
		l.eachPair(cuts, a, b)
		l.eachPair(cuts, b, a)
	})
}

// CutOneWay stops what one node sends to another, on all networks.
func (l *Lab) CutOneWay(from, to *Node) (time.Time, error) {
	return l.edit(func(cuts map[cut]struct{}) { l.eachPair(cuts, from, to) })
}

// Heal removes every cut that touches one of these nodes, and spares them from loss.
func (l *Lab) Heal(nodes ...*Node) (time.Time, error) {
	healed := map[int]bool{}
	for _, n := range nodes {
		healed[n.index] = true
	}
	return l.heal(func(node int) bool { return healed[node] })
}

// HealAll removes every cut, and ends all loss.
func (l *Lab) HealAll() (time.Time, error) {
	return l.heal(func(int) bool { return true })
}

func (l *Lab) heal(healed func(node int) bool) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, err := l.editLocked(func(cuts map[cut]struct{}) {
		maps.DeleteFunc(cuts, func(c cut, _ struct{}) bool {
			return c.set != setOff && (healed(c.a.node) || c.set == setPair && healed(c.b.node))
		})
	})
	if err != nil || len(l.fabric.losses) == 0 {
		return at, err
	}
	return l.fabric.setLosses(spared(l.fabric.losses, healed))
}

func (l *Lab) edit(change func(map[cut]struct{})) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.editLocked(change)
}

// editLocked needs l.mu.
func (l *Lab) editLocked(change func(map[cut]struct{})) (time.Time, error) {
	if l.closed {
		return time.Time{}, ErrClosed
	}
	want := maps.Clone(l.fabric.cuts)
	change(want)
	start := time.Now()
	at, err := l.fabric.setCuts(want)
	l.opts.Log.Debug().Err(err).Int("cuts", len(want)).Dur("took", time.Since(start)).Msg("lab: cuts changed")
	return at, err
}

func (l *Lab) eachPort(set string, cuts map[cut]struct{}, nodes []*Node) {
	for _, n := range nodes {
		for i := range l.fabric.bridges {
			cuts[cut{set: set, a: port{n.index, i}}] = struct{}{}
		}
	}
}

func (l *Lab) eachPair(cuts map[cut]struct{}, from, to *Node) {
	for i := range l.fabric.bridges {
		cuts[cut{set: setPair, a: port{from.index, i}, b: port{to.index, i}}] = struct{}{}
	}
}
