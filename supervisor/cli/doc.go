// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of Evenkeel, one file for each verb, and the
// only place where every part is wired together.
//
// Verbs talk to the node's own Evenkeel through its API. They exit with 0 when
// all went well, 1 when something failed or is not well, and 2 when the command
// line was wrong. Results go to stdout, progress and errors to stderr; an error
// is a sentence and, where something can be done, a hint. States are told by a
// glyph and a word, colour only repeats them. A wait ends in success only when
// every balancer that is asked about says so itself and is in step, or the
// holder of a resource does: no answer is never taken for a good one.
//
// The package decides nothing about the cluster and keeps no state.
package cli
