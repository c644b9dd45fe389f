// SPDX-License-Identifier: Apache-2.0

package quorum

import "slices"

// Status is the answer of a tally.
type Status uint8

// The answers.
const (
	Pending Status = iota // neither can be told yet
	Won                   // a majority said yes
	Lost                  // yes can no longer reach a majority
)

// String returns the word that people read.
func (s Status) String() string {
	switch s {
	case Won:
		return "won"
	case Lost:
		return "lost"
	case Pending:
	}
	return "pending"
}

// Vote is one voter's word.
type Vote struct {
	Voter string
	Yes   bool
}

// Result is a tally with what led to it.
type Result struct {
	Status  Status
	Need    int      // yes votes that win
	Yes, No []string // who said so, sorted
	Silent  []string // electors who said nothing, sorted
}

// Majority returns how many of n voters are a majority.
func Majority(n int) int { return n/2 + 1 }

// Tally counts the votes of the electorate, in whatever order they come.
func Tally(votes []Vote, electorate []string) Result {
	said := make(map[string]bool, len(votes))
	for _, v := range votes {
		said[v.Voter] = said[v.Voter] || v.Yes
	}
	electors := slices.Compact(slices.Sorted(slices.Values(electorate)))
	r := Result{Need: Majority(len(electors))}
	for _, e := range electors {
		yes, spoke := said[e]
		switch {
		case !spoke:
			r.Silent = append(r.Silent, e)
		case yes:
			r.Yes = append(r.Yes, e)
		default:
			r.No = append(r.No, e)
		}
	}
	switch {
	case len(electors) == 0:
		r.Status = Lost
	case len(r.Yes) >= r.Need:
		r.Status = Won
	case len(electors)-len(r.No) < r.Need:
		r.Status = Lost
	}
	return r
}
