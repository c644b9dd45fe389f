// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand/v2"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// parcel is what a node sends in one step, on its way to one receiver.
type parcel struct {
	from     *machine
	sent     time.Duration  // of the world
	shown    time.Time      // of the sender's clock
	messages []core.Message // all of the step; the receiver takes what is for it
}

// way is one direction between two machines, on one network. Number 0 is the service network; the others are rails.
type way struct {
	cut  bool
	hold time.Duration // until when everything is kept; it comes all at once then
	last time.Duration // when the newest parcel arrives: what was sent in order comes in order
	// spared tells that somebody ended loss and delay for one of the two machines alone.
	spared bool
}

// network is what lies between the machines.
type network struct {
	ways    [][][]way // by sender, receiver and network
	delay   time.Duration
	jitter  time.Duration
	extra   time.Duration // added by a fault, with as much jitter
	loss    [9]float64    // by network
	twice   float64       // how much of it comes twice
	shuffle bool          // what was sent in order may come in another
}

func newNetwork(machines, nets int) *network {
	n := &network{delay: 200 * time.Microsecond, jitter: 300 * time.Microsecond}
	for range machines {
		row := make([][]way, machines)
		for i := range row {
			row[i] = make([]way, nets)
		}
		n.ways = append(n.ways, row)
	}
	return n
}

// route decides when a parcel comes, on the rail that is quickest. It is false if it is lost on all of them. A copy on a
// slower rail matters only where copies may come late.
func (n *network) route(rng *rand.Rand, now time.Duration, from, to int) (first time.Duration, more []time.Duration, ok bool) {
	ways := n.ways[from][to]
	for rail := 1; rail < len(ways); rail++ {
		w := &ways[rail]
		if w.cut || n.loss[rail] > 0 && !w.spared && rng.Float64() < n.loss[rail] {
			continue
		}
		at := max(now+n.delay+n.some(rng, n.jitter), w.hold)
		if n.extra > 0 && !w.spared {
			at += n.extra/2 + n.some(rng, n.extra)
		}
		if !n.shuffle {
			at = max(at, w.last)
			w.last = at
		}
		late := w.hold > now || n.extra > 0 || n.shuffle
		switch {
		case !ok:
			first, ok = at, true
		case late && at >= first:
			more = append(more, at)
		case late:
			first, more = at, append(more, first)
		default:
			first = min(first, at)
		}
		if n.twice > 0 && rng.Float64() < n.twice {
			more = append(more, at+n.some(rng, time.Second))
		}
	}
	return first, more, ok
}

func (n *network) some(rng *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rng.Int64N(int64(d)))
}

// reaches tells whether what one machine sends on a network comes to another.
func (n *network) reaches(from, to, net int) bool { return from == to || !n.ways[from][to][net].cut }

// each changes the ways from one machine to another, on one network or, with a negative number, on all.
func (n *network) each(from, to, net int, change func(*way)) {
	for i := range n.ways[from][to] {
		if net < 0 || i == net {
			change(&n.ways[from][to][i])
		}
	}
}

// heal ends every cut and hold, and what slows or loses frames.
func (n *network) heal() {
	for _, row := range n.ways {
		for _, ways := range row {
			for i := range ways {
				ways[i].cut, ways[i].hold, ways[i].last = false, 0, 0
			}
		}
	}
	n.extra, n.loss, n.twice, n.shuffle = 0, [9]float64{}, 0, false
}
