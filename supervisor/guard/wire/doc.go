// SPDX-License-Identifier: Apache-2.0

// Package wire carries messages between a supervisor and the guard of its node, over a unix socket. A message is a length of
// four bytes, most significant first, and so many bytes of JSON. A supervisor may be newer than the guard that it finds, and
// older: what a reader does not know it passes over, and the guard says first which protocol it speaks.
//
// Invariant: whatever bytes come, no message longer than FrameMax is read into memory, and none panics.
package wire
