// SPDX-License-Identifier: Apache-2.0

// Package quorum counts votes.
//
// An answer has three values: won, lost, or still pending. It depends on who
// said what, never on the order. A yes stands: a voter who says both yes and no
// in one round has said yes, so that what is won stays won whatever comes in
// later. Who wants to take a vote back does not hand it in. What is lost stays
// lost as long as nobody contradicts himself.
//
// Two won tallies of one electorate share a voter. An empty electorate wins
// nothing, and votes of those who are no part of it do not count.
package quorum
