// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/sim"
)

// TestSeedsThatFailed lives through the worlds again that once broke a promise, for whatever reason.
func TestSeedsThatFailed(t *testing.T) {
	profiles, err := worldProfiles()
	if err != nil {
		t.Fatal(err)
	}
	for lane, seeds := range map[sim.Lane][]uint64{
		sim.Everything: {9002195, 9002207},
		sim.Addresses:  {784, 1564, 1833, 5005, 6830, 8615, 10150, 13866, 20615, 25124, 25541, 46650, 115233},
	} {
		for _, seed := range seeds {
			if r := runWorld(lane.Random(seed, profiles)); r.Violation != nil {
				t.Errorf("%s\n%v", r.Options, r.Violation)
			}
		}
	}
}
