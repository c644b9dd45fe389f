// SPDX-License-Identifier: Apache-2.0

// Package lbsync decides what a load balancer must be told, and never tells it anything itself.
//
// The supervisor says per server what it wants (Want: serve, drain, suspend, out, leave), a driver says what the
// balancer shows (Snapshot), and a Machine, one per balancer, turns the difference into an ordered list of operations
// (Plan). The machine is level-triggered: it reads the whole state each time, so a reload, a restart, a lost reply or a
// hand on the balancer's socket are all the same case, a difference that the next step removes.
//
// Invariants:
//
//   - An operation of ours never brings the number of serving servers of a backend under its drain floor. Only a want
//     with Force passes it.
//   - A server that HAProxy itself checks never goes from maintenance straight to ready: it waits in drain with its
//     health forced down until its own check has passed, because HAProxy believes such a server at once.
//   - Unknown is never empty: a balancer that cannot be read is an error of the driver, and a want of ServiceLeave touches nothing.
//   - Equal input gives an equal plan, whatever the order of the wants.
//   - Operations come in the order ready, drain, maint, kill, so that capacity is added before it is taken.
//
// The root package never does I/O, never reads a clock, and never starts a goroutine. Drivers in its subfolders carry
// plans out; they do not retry and do not think.
package lbsync
