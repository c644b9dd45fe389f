// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"slices"
	"time"
)

// promisesKept is of how many lives it is remembered when they were heard last.
const promisesKept = 256

// Promises keeps what a voter promised: whoever acknowledges a heartbeat lets its sender act for a while, and must not say that
// the while is over before it is.
//
// It knows nothing of the time before the process began. What is acknowledged then counts as acknowledged at its beginning.
type Promises struct {
	began time.Time
	lives []promise
}

type promise struct {
	node          string
	install, boot uint64
	at            time.Time // when a message of the life was heard last that may be, or come to be, acknowledged
	class         Class     // the worst that the life said it has
}

// NewPromises returns the promises of a process that begins now.
func NewPromises(now time.Time) *Promises { return &Promises{began: now} }

// Heard takes note of a message of a life that may be acknowledged.
func (p *Promises) Heard(now time.Time, node string, install, boot uint64) {
	if l := p.find(node, install, boot); l != nil {
		l.at = now
		return
	}
	if len(p.lives) == promisesKept {
		oldest := 0
		for i := range p.lives {
			if p.lives[i].at.Before(p.lives[oldest].at) {
				oldest = i
			}
		}
		if gone := p.lives[oldest].at; gone.After(p.began) {
			p.began = gone // of what is forgotten it is known no better
		}
		p.lives = slices.Delete(p.lives, oldest, oldest+1)
	}
	p.lives = append(p.lives, promise{node: node, install: install, boot: boot, at: now})
}

// Guarded takes note of the class that a life says it has.
func (p *Promises) Guarded(node string, install, boot uint64, c Class) {
	if l := p.find(node, install, boot); l != nil && l.class == "" {
		l.class = c.known()
	} else if l != nil {
		l.class = l.class.Worse(c)
	}
}

// Lapsed tells whether a life that is not acknowledged any more has nothing left that could act.
func (p *Promises) Lapsed(now time.Time, node string, install, boot uint64, t Terms) bool {
	return now.After(p.Due(node, install, boot, t))
}

// Due is when a life that is not acknowledged any more has nothing left that could act.
func (p *Promises) Due(node string, install, boot uint64, t Terms) time.Time {
	if l := p.find(node, install, boot); l != nil {
		return l.at.Add(t.Lapse(l.class))
	}
	return p.began.Add(t.Lapse(Address))
}

func (p *Promises) find(node string, install, boot uint64) *promise {
	for i := range p.lives {
		if l := &p.lives[i]; l.boot == boot && l.install == install && l.node == node {
			return l
		}
	}
	return nil
}
