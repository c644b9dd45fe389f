// SPDX-License-Identifier: Apache-2.0

package sim

import "time"

// epoch is what every clock shows when the world begins.
func epoch() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

const million = 1_000_000

// clock is a machine's own idea of time. It goes steadily, a little too fast or too slow, and stands still while its
// machine is frozen.
type clock struct {
	world, local time.Duration // a moment, by the world's clock and by this one
	ppm          int64         // by how many millionths it is fast
	stopped      bool
}

// at is what the clock shows at a moment of the world.
func (c *clock) at(now time.Duration) time.Time { return epoch().Add(c.shows(now)) }

func (c *clock) shows(now time.Duration) time.Duration {
	if c.stopped {
		return c.local
	}
	since := now - c.world
	return c.local + since + time.Duration(int64(since)/million*c.ppm+int64(since)%million*c.ppm/million)
}

// when is the first moment of the world at which the clock shows a time. A clock that stands still never does.
func (c *clock) when(t time.Time) time.Duration {
	wanted := t.Sub(epoch())
	ahead, rate := int64(wanted-c.local), million+c.ppm
	at := c.world + time.Duration(ahead/rate*million+ahead%rate*million/rate)
	for c.shows(at) < wanted {
		at++
	}
	return at
}

// set changes the rate from now on.
func (c *clock) set(now time.Duration, ppm int64) {
	c.local, c.world, c.ppm = c.shows(now), now, ppm
}

func (c *clock) stop(now time.Duration) {
	c.local, c.world, c.stopped = c.shows(now), now, true
}

func (c *clock) goOn(now time.Duration) { c.world, c.stopped = now, false }
