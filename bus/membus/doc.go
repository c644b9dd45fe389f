// SPDX-License-Identifier: Apache-2.0

// Package membus is the bus in memory: the surface of bus/natsbus without sockets, for tests of whole nodes. It works inside testing/synctest bubbles.
//
// Invariants:
//   - A frame sent while two nodes can reach each other over at least one rail arrives once, in the order of its sender, unless the receiver's queue is full.
//   - Send never waits; a full queue gives up its oldest frame, as natsbus does.
//   - The handler runs in the goroutine that called Run, one frame at a time.
//
// It never delays, corrupts or reorders frames by itself and uses no randomness: what a test did not cut works.
package membus
