// SPDX-License-Identifier: Apache-2.0

// Package recorder is the flight recorder of a node: it keeps everything that the core was given, and gives it to a
// fresh core later, which decides the same, bit for bit.
//
// The recorder is a ring of files. Each of them begins with a checkpoint, the whole memory of the core as an image, and
// goes on with its steps: the time, the inputs in their order, the random numbers that raft drew, and a checksum of all
// that the core answered. So a node that has run for a year can be replayed from the oldest file that is left, and
// from each file after it. Heartbeats are most of what a node is given, and are kept as what changed since the last one.
//
// What always holds:
//   - The loop never waits. What cannot be written in time, or at all, is left out as a whole: the next file begins with
//     a checkpoint and says what is missing, and no replay crosses that.
//   - The newest is kept and the oldest goes.
//   - A recording is data: nothing in it reaches a node that runs.
//
// It never syncs a file: after a crash of the process the last second is missing, after a loss of power a little more.
package recorder
