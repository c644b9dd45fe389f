// SPDX-License-Identifier: Apache-2.0

// Package health judges: it turns heartbeats into an opinion about nodes, and results of checks into an opinion about
// applications.
//
// Two machines live here. Detector watches nodes: a node that was silent for longer than the agreed number of beats is
// suspect, and the next beat makes it alive again. Judge watches one check: it asks for Rise successes or Fall failures
// in a row before it changes its mind, and it holds a check down that changes its mind too often.
//
// Invariants:
//
//   - Both machines are values driven from outside: time is an argument, and the same calls give the same answers.
//   - A detector that was itself asleep blames itself first: time in which the caller could not have delivered
//     heartbeats is not counted against the nodes, up to a bound.
//   - A clock that steps backwards neither ages nor rejuvenates anything: only progress is counted.
//   - Every verdict and every change says why, in words fit for a log line and an operator.
//   - A check never goes up without a success and never goes down without Fall failures in a row or a proof.
//
// The package never does I/O, reads no clock, starts no goroutine and draws no random number. Results of real checks
// come from the package probe below it.
package health
