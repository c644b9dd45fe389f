// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// journalMost bounds what a stage remembers of each kind; the oldest is dropped first.
const journalMost = 16384

// journal is what the nodes told: what was committed, once, and what each of them noticed by itself.
type journal []entry

// entry is a line of the journal, with the world's time: the clocks of the nodes show different ones.
type entry struct {
	at     time.Duration
	notice cluster.Notice
}

// told keeps what a node told, where somebody reads it.
func (w *World) told(n cluster.Notice) {
	if w.journal != nil {
		*w.journal = remember(*w.journal, entry{w.now, n})
	}
}

// remember adds to a list that may only grow so long.
func remember[T any](list []T, item T) []T {
	if len(list) >= journalMost {
		list = slices.Delete(list, 0, len(list)-journalMost+1)
	}
	return append(list, item)
}
