// SPDX-License-Identifier: Apache-2.0

package sim

import "time"

// epoch is what every clock shows when the world begins.
var epoch = time.Unix(1_800_000_000, 0).UTC()

const million = 1_000_000

// clock is a machine's own idea of time. It goes steadily, a little too fast or too slow, and stands still while its
// machine is frozen.
type clock struct {
	real, local time.Duration // a moment at which both are known
	ppm         int64         // by how many millionths it is fast
	stopped     bool
}

// at is what the clock shows at a moment of the world.
func (c *clock) at(real time.Duration) time.Time { return epoch.Add(c.shows(real)) }

func (c *clock) shows(real time.Duration) time.Duration {
	if c.stopped {
		return c.local
	}
	since := real - c.real
	return c.local + since + time.Duration(int64(since)/million*c.ppm+int64(since)%million*c.ppm/million)
}

// when is the first moment of the world at which the clock shows a time. A clock that stands still never does.
func (c *clock) when(t time.Time) time.Duration {
	ahead := int64(t.Sub(epoch) - c.local)
	rate := million + c.ppm
	real := ahead/rate*million + ahead%rate*million/rate
	at := c.real + time.Duration(real)
	for c.shows(at) < t.Sub(epoch) {
		at += time.Duration(1)
	}
	return at
}

// set changes the rate from now on.
func (c *clock) set(real time.Duration, ppm int64) {
	c.local, c.real, c.ppm = c.shows(real), real, ppm
}

func (c *clock) stop(real time.Duration) {
	c.local, c.real, c.stopped = c.shows(real), real, true
}

func (c *clock) goOn(real time.Duration) { c.real, c.stopped = real, false }
