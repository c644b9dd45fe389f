// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// churn wipes, adds and removes nodes while the network is bad, and steers only by NextChange.
func churn(t *testing.T, seed uint64) uint32 {
	t.Helper()
	n := cluster(t, seed, 1, 2, 3)
	want := map[uint64]uint64{1: 1, 2: 2, 3: 3} // node number to installation
	fresh := uint64(100)
	for range 6 {
		victim := uint64(1 + n.rng.IntN(5))
		old, there := want[victim]
		switch {
		case !there:
			want[victim] = fresh + victim
			n.blank(fresh + victim)
		case len(want) > 3 && n.chance(50):
			delete(want, victim)
		default:
			// Wiped while all others are well, so that a majority with the whole log is left.
			delete(n.hosts, old)
			want[victim] = fresh + victim
			n.blank(fresh + victim)
		}
		fresh += 100
		var voters []consensus.Seat
		for _, node := range slices.Sorted(maps.Keys(want)) {
			voters = append(voters, consensus.Seat{ID: want[node], Node: nodeName(node)})
		}
		n.faults = faults{drop: n.rng.IntN(20), repeat: n.rng.IntN(20), delay: n.rng.IntN(50), crash: n.rng.IntN(2)}
		for range 200 {
			n.step()
			n.propose()
			if h := n.leader(); h != nil {
				if c, ok := consensus.NextChange(h.replica.Status(), voters); ok && h.replica.ChangeVoters(c) == nil {
					n.note(c.String())
				}
				n.drain(h)
			}
		}
		n.heal()
		n.grow(slices.Sorted(maps.Values(want))...)
		for _, id := range n.ids() {
			if !slices.Contains(slices.Collect(maps.Values(want)), id) {
				delete(n.hosts, id)
			}
		}
		n.converge()
	}
	return n.trace
}

func TestChurnKeepsTheLogAndRepeats(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			first := churn(t, seed)
			if seed == 0 {
				if again := churn(t, seed); again != first {
					t.Fatalf("trace %08x, then %08x", first, again)
				}
			}
		})
	}
}
