// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"slices"
	"testing"
)

// TestFormerLives: of each installation that was replaced the last life is known, of as many as are kept, and not of the present one.
func TestFormerLives(t *testing.T) {
	n := Node{}
	admit := func(install, boot uint64) {
		n.Former = n.replacedBy(install)
		n.Install, n.Boot = install, boot
	}
	admit(1, 4)
	if len(n.Former) != 0 || n.Replaced(1, 4) {
		t.Fatalf("the first installation: %+v", n)
	}
	admit(1, 5)
	admit(2, 1)
	for _, tc := range []struct {
		install, boot uint64
		want          bool
	}{{1, 4, true}, {1, 5, true}, {1, 6, false}, {2, 1, false}, {3, 1, false}} {
		if got := n.Replaced(tc.install, tc.boot); got != tc.want {
			t.Errorf("life %d of installation %d is replaced: %t", tc.boot, tc.install, got)
		}
	}
	before := slices.Clone(n.Former)
	admit(1, 6)
	if want := []FormerLife{{2, 1}}; !slices.Equal(n.Former, want) {
		t.Errorf("back in a later life: %+v", n.Former)
	}
	if want := []FormerLife{{1, 5}}; !slices.Equal(before, want) {
		t.Errorf("what was known before changed: %+v", before)
	}
	for i := range uint64(3 * formerKept) {
		admit(100+i, 1)
	}
	if len(n.Former) != formerKept || n.Former[formerKept-1].Install != 100+3*formerKept-2 {
		t.Errorf("of many: %+v", n.Former)
	}
}
