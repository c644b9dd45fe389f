// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// diary keeps what the stage itself did.
type diary struct {
	mu      sync.Mutex
	moments []script.Moment
	last    time.Duration // when the last fault or order began
}

// act notes that a fault or an order begins, and returns when.
func (d *diary) act(at time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = at
	return at
}

// lastAct returns when the last fault or order began; 0 is the script's start.
func (d *diary) lastAct() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *diary) tell(m script.Moment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moments = append(d.moments, m)
}

func (d *diary) all() []script.Moment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.moments)
}
