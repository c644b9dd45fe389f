// SPDX-License-Identifier: Apache-2.0

package core

import "time"

// replacedFor is for how long the leader must have talked to another installation of this node, and not to this one, until this
// one takes it that it was replaced. It has no authority then, and the log does not reach it to say so.
const replacedFor = 10 * time.Second

// elsewhere is when frames were for another installation of this node, and none for this one.
type elsewhere struct{ since, last time.Time }

// replacedHere begins a new life where the log that is here lets this one in, and the others have gone on with another
// installation: one that was heard late, after its disk was lost. Nobody listens to a life in whose place another one came.
func (c *Core) replacedHere() {
	e := &c.elsewhere
	if e.since.IsZero() || c.now.Sub(e.last) > replacedFor/2 {
		e.since = c.now
	}
	e.last = c.now
	if c.now.Sub(e.since) >= replacedFor && c.authority != "" && c.living() {
		c.liveAnew()
	}
}

// liveAnew begins a new life, once, in the place of one that another installation has replaced.
func (c *Core) liveAnew() {
	if !c.renews {
		c.renews = true
		c.order(NewLife{"another installation of this node was admitted in its place"})
	}
}
