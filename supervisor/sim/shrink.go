// SPDX-License-Identifier: Apache-2.0

package sim

// Shrink looks for the fewest faults with which a world still fails: the first so many of them, the rest left out. It
// returns that world with its trace as text; run must put the Dice in place and run it.
func Shrink(failed Options, run func(Options) Result) Result {
	good, bad := -1, run(failed).Tally.Total
	for bad-good > 1 {
		middle := good + (bad-good)/2
		o := failed
		o.MaxFaults = middle
		if run(o).Violation != nil {
			bad = middle
		} else {
			good = middle
		}
	}
	failed.MaxFaults, failed.Verbose = bad, true
	return run(failed)
}
