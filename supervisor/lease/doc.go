// SPDX-License-Identifier: Apache-2.0

// Package lease holds the arithmetic of the right to act.
//
// A node may act on what others share as long as a majority of voters, itself
// among them if it votes, has acknowledged a heartbeat that it *sent* recently.
// Acknowledgements ride in the seen-vectors of the others' heartbeats. The age
// counts from the send time of one's own heartbeat, never from the arrival of
// anything, because a bus may deliver late; and never from raft leadership,
// which a stalled disk or a cut can leave in place too long.
package lease
