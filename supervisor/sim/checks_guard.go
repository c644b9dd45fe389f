// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

const (
	// letGoWithin is how long a guard that nothing keeps from running may take for what it does at a deadline.
	letGoWithin = 100 * time.Millisecond
	// balkedLately is for how long after a kernel that refused nothing is asked of its guard.
	balkedLately = time.Second
)

// account is what the checkers know of one guard, worked out from what it was told.
type account struct {
	right   guard.Instant // until when it may do what needs the right
	watched bool          // it is looked at after that
	ran     guard.Instant // since when nothing keeps it from running
	balked  guard.Instant // when its kernel last refused something
}

// toldGuard takes note of what a guard reads: an order says how long its right lasts, and an extension makes that longer while it lasts.
func (c *checkers) toldGuard(g *guardian, p *process, events []guard.Event) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case guard.Order:
			p.account.right = ev.Until
		case guard.Extend:
			if g.now() < p.account.right {
				p.account.right = max(p.account.right, ev.Until)
			}
		case guard.Attached, guard.Lost, guard.Tick, guard.Changed, guard.LinkUp, guard.Seen, guard.Result, guard.Quit:
			// no word of a right
		}
	}
	c.watch(g, p)
}

// watch looks at a guard when its right is over.
func (c *checkers) watch(g *guardian, p *process) {
	a := &p.account
	at := g.when(a.right.Add(letGoWithin))
	if a.watched || a.right <= g.now() || at == math.MaxInt64 {
		return
	}
	a.watched = true
	c.w.at(at, event{what: evDo, data: func() {
		if a.watched = false; g.proc != p {
			return
		}
		if a.right.Add(letGoWithin) > g.now() {
			c.watch(g, p)
			return
		}
		c.empty(g, p)
	}})
}

// empty: at the deadline a guard takes away all that is there (N2), unless it stood still, or the kernel refuses.
func (c *checkers) empty(g *guardian, p *process) {
	a := &p.account
	if g.stands() || g.balks || a.ran >= a.right || a.balked > 0 && g.now().Sub(a.balked) < balkedLately {
		return
	}
	for _, addr := range g.kernel.addrs {
		c.w.violate("at the deadline all goes (N2)", "%s still has %s, %s after its right ended", g.m.name, addr.Prefix, g.now().Sub(a.right))
	}
}

// begins: nothing that needs the right begins from its end on, less a margin (N1, N8).
func (c *checkers) begins(g *guardian, p *process, o guard.Op) {
	if over := g.now().Sub(p.account.right.Add(-guard.Margin)); o.Kind.NeedsRight() && over >= 0 {
		c.w.violate("nothing begins without the right (N1)", "%s begins to %s, %s after it may begin", g.m.name, o, over)
	}
}

// ends: what was begun in time and ended late is undone (N6).
func (c *checkers) ends(g *guardian, p *process, o guard.Op) {
	late := g.now().Sub(p.account.right)
	if (o.Kind == guard.OpAdd || o.Kind == guard.OpRefresh) && late >= 0 && g.kernel.keeps(o.Address) > g.now() {
		c.w.violate("what came late is undone (N6)", "%s leaves what %s did, %s after its right ended", g.m.name, o, late)
	}
}
