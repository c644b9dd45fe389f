// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/instant"
)

// epoch is what every wall clock shows when the monotonic clock of its machine stands at zero, in nanoseconds since 1970.
const epoch = 1_800_000_000 * int64(time.Second)

const million = 1_000_000

// clock is a machine's own idea of time. It goes steadily, a little too fast or too slow, and stands still while its
// machine is frozen. Somebody may set what it shows to people; how much time passed it tells all the same.
type clock struct {
	world, local time.Duration // a moment, by the world's clock and by this one
	ppm          int64         // by how many millionths it is fast
	stopped      bool
	zero         time.Time       // of the monotonic clock, with what the wall clock shows then
	walls        []time.Duration // by how much the wall clock was wrong, from the first setting to the present one
}

func newClock(local time.Duration, ppm int64) clock {
	c := clock{local: local, ppm: ppm}
	c.setWall(0)
	return c
}

// setWall sets the wall clock, to a time that is wrong by so much.
func (c *clock) setWall(wrong time.Duration) {
	c.zero = instant.Time(epoch+int64(wrong), 0)
	c.walls = append(c.walls, wrong)
}

// at is what the clock shows at a moment of the world.
func (c *clock) at(now time.Duration) time.Time { return c.zero.Add(c.shows(now)) }

func (c *clock) shows(now time.Duration) time.Duration {
	if c.stopped {
		return c.local
	}
	return c.local + c.goes(now-c.world)
}

// goes is by how much the clock moves on in a time of the world.
func (c *clock) goes(d time.Duration) time.Duration {
	return d + time.Duration(int64(d)/million*c.ppm+int64(d)%million*c.ppm/million)
}

// when is the first moment of the world at which the clock shows a time. A clock that stands still never does.
func (c *clock) when(t time.Time) time.Duration {
	wanted := t.Sub(c.zero)
	if c.stopped && c.local < wanted {
		return math.MaxInt64
	}
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
