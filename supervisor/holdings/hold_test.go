// SPDX-License-Identifier: Apache-2.0

package holdings

import (
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// TestAfter tells which steps of the core concern the guard.
func TestAfter(t *testing.T) {
	until := now.Add(time.Second)
	held := Hold{Order: 1, Holdings: []core.Holding{holding()}, Since: now, Until: until}
	for name, tc := range map[string]struct {
		before Hold
		out    core.Output
		news   bool
		held   int
		until  time.Time
	}{
		"nothing was ever given":         {Hold{}, core.Output{HoldSince: now, HoldUntil: until}, false, 0, time.Time{}},
		"the first holding":              {Hold{}, core.Output{Order: 1, NewHoldings: true, Holdings: held.Holdings, HoldSince: now, HoldUntil: until}, true, 1, until},
		"the same deadline":              {held, core.Output{Order: 1, HoldSince: now, HoldUntil: until}, false, 1, until},
		"a later deadline":               {held, core.Output{Order: 1, HoldSince: now, HoldUntil: until.Add(1)}, true, 1, until.Add(1)},
		"no word of a right":             {held, core.Output{Order: 1}, false, 1, until},
		"nothing to hold, without right": {held, core.Output{Order: 2, NewHoldings: true}, true, 0, time.Time{}},
	} {
		got, news := tc.before.After(&tc.out)
		if news != tc.news || len(got.Holdings) != tc.held || !got.Until.Equal(tc.until) {
			t.Errorf("%s: news %t, %+v", name, news, got)
		}
	}
}
