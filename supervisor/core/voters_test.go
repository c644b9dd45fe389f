// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestVotersChangeWhenAllKnowTheFile: a request for a cluster file with other voters waits until every living node was heard to run
// the present one; a file with the same voters does not.
func TestVotersChangeWhenAllKnowTheFile(t *testing.T) {
	more := threeNodes()
	more.Nodes[3].Vote = nil
	a := leading(t)
	revision := func() uint64 {
		_, n := a.Spec()
		return n
	}
	hear := func(node string, revision uint64) { a.step(0, a.from(node, &bus.Heartbeat{Revision: revision})) }
	hear("n2", 5)
	hear("n3", 4)
	hear("n4", 5)
	a.asks("same voters", cluster.SetSpec{Spec: threeNodes()})
	a.backed(2 * lan.Beat)
	if revision() != 6 {
		t.Fatalf("revision %d: a file with the same voters waits", revision())
	}
	hear("n2", 6)
	hear("n3", 5)
	hear("n4", 6)
	a.asks("one more", cluster.SetSpec{Spec: more})
	a.pass(2 * lan.Beat)
	if revision() != 6 {
		t.Fatal("the voters changed while n3 went by an older file")
	}
	hear("n3", 6)
	a.pass(3 * lan.Beat)
	if revision() != 7 {
		t.Fatalf("revision %d: everybody knows the file, and the request waits", revision())
	}
}
