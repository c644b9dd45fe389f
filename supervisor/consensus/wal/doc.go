// SPDX-License-Identifier: Apache-2.0

// Package wal is the raft disk: one bbolt file, raft.db, that holds the identity of the installation, the hard state, the log and
// the last two snapshots.
//
// Invariants:
//
//   - Each Append is one transaction and durable when it returns. NoSync and NoFreelistSync are never set.
//   - The file comes into being complete (written beside, synced, renamed, directory synced) and has one user: the directory and
//     the file are locked, and a second process is told so.
//   - Nothing is retried after a failed write: the kernel may report a lost write once only, so the store is broken from then on.
//   - Damage is found and never repaired by guessing. Every record carries a CRC-32C over its place and content, every page is
//     walked before the file is mapped, and a log that is not exactly what the bounds record says is refused. A damaged present
//     snapshot is the only thing that can be done without, when the previous one and the log still tell the same.
//   - An installation id is drawn once with the file. A wiped disk therefore is a new installation.
//
// The package never decides anything about raft and never starts a goroutine.
package wal
