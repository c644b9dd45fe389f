// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// interrupt now and then ends a process that is just joining or founding a cluster, in worlds where processes are killed:
// it happens once in a life, and would hardly ever be hit by chance.
func (w *World) interrupt(m *machine, j core.Job) {
	if _, ok := j.(core.Join); !ok || w.calm || !slices.Contains(w.opt.Kinds, KillSupervisor) || w.rng.IntN(2) == 0 {
		return
	}
	if w.opt.MaxFaults >= 0 && w.tally.Total >= w.opt.MaxFaults {
		return
	}
	life := m.life
	w.undo(w.some(m.disk.sync), func() {
		if m.life == life && m.disk.busy {
			w.say("FAULT", fmt.Sprintf("%s %s while it joins a cluster", KillSupervisor, m.name))
			w.tally.Total++
			w.tally.Faults[KillSupervisor]++
			m.end()
			w.restart(m)
		}
	})
}
