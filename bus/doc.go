// SPDX-License-Identifier: Apache-2.0

// Package bus holds the words that nodes say to each other: the sealed [Envelope], the [Heartbeat] and the [Vote] inside it, the subjects they travel on and
// the [Window] that keeps the first copy of each frame and refuses every later one.
//
// Invariants:
//   - A frame that was not sealed with the network's key is never opened: one flipped bit anywhere is an error.
//   - A frame is accepted once per (node, installation, life, sequence number), over however many rails it arrives.
//   - Decoders take any bytes: they return a value within the limits below or an error, never panic, and use memory in proportion to those limits.
//   - Unknown JSON fields are ignored, so that nodes of neighbouring versions understand each other.
//
// The package is pure: it has no clock, no goroutine and no connection; bus/natsbus carries the frames and bus/membus carries them in tests. It never
// judges whether a node lives, never reads the time of arrival, and never keeps a frame secret: frames are authenticated, not encrypted.
package bus
