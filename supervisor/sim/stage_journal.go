// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// journalMost bounds what a stage remembers of each kind; the oldest is dropped first.
const journalMost = 16384

// journal is what the nodes told: what was committed, once, and what each of them noticed by itself. Its times come from the
// world's clock, for those of the nodes show different ones.
type journal struct {
	start time.Duration // of the script, in the world's time; entries count from it
	told  []moments.Entry
}

// begin lets the script begin.
func (j *journal) begin(now time.Duration) {
	j.start = now
	for i := range j.told {
		j.told[i].At -= now
	}
}

// told keeps what a node told, where somebody reads it.
func (w *World) told(n cluster.Notice) {
	if j := w.journal; j != nil {
		j.told = remember(j.told, moments.Entry{At: w.now - j.start, Notice: n})
	}
}

// remember adds to a list that may only grow so long.
func remember[T any](list []T, item T) []T {
	if len(list) >= journalMost {
		list = slices.Delete(list, 0, len(list)-journalMost+1)
	}
	return append(list, item)
}
