// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"
	"time"
)

// TestQueue: what lets go comes first, and what is of one kind keeps its order.
func TestQueue(t *testing.T) {
	var q Queue
	for i, k := range []OpKind{OpProbe, OpAdd, OpRemove, OpAdd, OpSetGate, OpRemove} {
		q.Add(Op{Kind: k, Until: Instant(i)})
	}
	for _, want := range []Instant{4, 2, 5, 1, 3, 0} {
		if got := q.Take(); got.Until != want {
			t.Errorf("%s (%d) comes before %d", got.Kind, got.Until, want)
		}
	}
}

// TestOpAndDeadline: what needs the right begins so long before its end, and stays if it ended before it.
func TestOpAndDeadline(t *testing.T) {
	const until = Instant(time.Second)
	for _, tc := range []struct {
		kind         OpKind
		now          Instant
		begins, stay bool
	}{
		{OpAdd, until.Add(-Margin) - 1, true, true},
		{OpAdd, until.Add(-Margin), false, true},
		{OpRefresh, until - 1, false, true},
		{OpRefresh, until, false, false},
		{OpAnnounce, until + 1, false, false},
		{OpRemove, until + 1, true, true},
		{OpSetGate, until + 1, true, true},
	} {
		o := Op{Kind: tc.kind}
		if b, s := o.MayBegin(tc.now, until), o.Counts(tc.now, until); b != tc.begins || s != tc.stay {
			t.Errorf("%s %s before the deadline: begins %t, stays %t", o.Kind, until.Sub(tc.now), b, s)
		}
	}
}
