// SPDX-License-Identifier: Apache-2.0

// Package keepalived turns configurations of keepalived into a cluster file.
//
// Translate takes the files of one or several nodes, as bytes, and returns what
// the cluster file can say of them, with a note for every statement that says
// what became of it. Files are read as keepalived 2.2 reads them: comments,
// quoted strings, include, $NAME=VALUE, @node lines, ~SEQ and ~LST. The words
// are those of keepalived.conf(5).
//
// Invariants: every statement of every file has a note, also one that this
// package has never heard of, so that nothing is lost in silence; any bytes are
// safe to read, in memory and time bounded by the limits in scan.go; the same
// files give the same result. What the cluster file needs and the files do not
// say is left empty and told as a problem: nothing is made up.
//
// The package never opens a file, runs no script, and does not judge whether
// keepalived itself would accept a file.
package keepalived
