// SPDX-License-Identifier: Apache-2.0

// Package cluster holds the words of the product and the replicated state.
//
// A Spec is what the operator wants (the cluster file). A State is what the
// cluster has agreed on: the Spec, the life of every node, what operators
// asked of members, and the verdicts about members. A Command is one entry of
// the raft log, and Apply turns a State and a Command into the next State and
// an Outcome.
//
// Apply is total and deterministic: the same bytes give the same State on
// every node, a bad command is rejected in the same words everywhere, and
// nothing in this package panics, reads a clock, or draws a random number.
// Timestamps are data: they come with the command, from the node that proposed
// it, and serve people only; no decision depends on them.
package cluster
