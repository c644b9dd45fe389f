// SPDX-License-Identifier: Apache-2.0

// Package sim is a world in which whole clusters run in no time: the real cores, checks, planners and log of every node, on
// machines, networks, disks, clocks, applications and balancers that are made up, and that fail in every way we know.
//
// One seed decides everything: the size of the cluster, its timing, which kinds of faults exist and when they happen. Two
// runs of one seed are the same, event by event, so a failure that was seen once is seen again.
//
// What always holds:
//   - The world is ordered: an event at a time, and events of one moment in the order in which they were made.
//   - Checkers look on from outside, with the world's own clock and with nothing that the product says about itself
//     beyond what it does: what it sends, writes, and changes on balancers.
//   - The world never touches the real one. Raft draws from crypto/rand.Reader; whoever runs a world must put the world's
//     Dice there first, and run one world at a time in a process.
//
// It never weakens the product: what a node cannot survive here it could not survive out there.
package sim
