// SPDX-License-Identifier: Apache-2.0

// Package config reads what operators write and derives what they should not
// have to: the node file, the cluster file, and the timing.
//
// The node file says who this machine is (LoadNode); environment variables and
// flags go over it. The cluster file says what the cluster should be
// (ParseCluster); it is read here once and replicated from then on. Both are
// YAML, and strict: an unknown key, a key that stands twice, a wrong type or an
// empty value is a fault. Every fault that can be told is told at once, with
// its place, its key, what stands there and what would be right.
//
// Timing is derived from one word, the profile (Derive). The inequalities that
// its values must obey are data with a reason each, and a set that breaks one
// is refused by name.
//
// Invariants: any bytes are safe to read, in memory and time bounded by
// MaxFile; nothing is guessed from a file that has a fault; the key of the
// cluster never appears in an error. The package never writes a file, and
// never watches one.
package config
