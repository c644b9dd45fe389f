// SPDX-License-Identifier: Apache-2.0

// Package consensus holds raft as a value: the RawNode of go.etcd.io/raft/v3
// behind frames, ticks and outputs, driven from outside by one owner.
//
// The owner feeds a Replica with Tick, Step, Propose and ChangeVoters, and asks
// Ready until it says that there is nothing more. What an Output holds is work
// for the owner: make Append durable in one transaction and then call Appended,
// publish the frames of Send, load Restore, apply Committed and then call
// Applied. A frame that promises something (a vote, an acknowledged entry) is
// bound to the Append that makes the promise true and is released only by
// Appended. A committed entry is handed out only after it is durable here. So
// the order persist, send, apply holds by construction, and a slow disk stops
// neither ticks nor heartbeats.
//
// Invariants:
//
//   - An installation has one random id, and a wiped disk has a new one. Ids
//     never come from an address.
//   - Voters change one at a time, and the next change waits until the former
//     one is committed in the present term.
//   - A panic inside the library never leaves this package: the replica is then
//     failed, says why in its Status, and does nothing more.
//   - A leader whose disk has not answered for an election timeout steps down.
//
// The package never does I/O, never reads a clock, never starts a goroutine and
// never takes raft leadership for a right to act: rights come from quorum-acked
// heartbeats alone.
package consensus
