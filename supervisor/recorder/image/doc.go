// SPDX-License-Identifier: Apache-2.0

// Package image turns a graph of Go values into bytes and back, unexported fields included: a picture of what a core
// remembers, to begin a replay with.
//
// What always holds:
//   - Equal graphs have equal images: maps are written in the order of their keys, and what is pointed to where it was met
//     first, so that what was one thing is one thing again. Slices count as one thing when they begin and end together.
//   - An image is only read back into the types that it was made of; Layout tells whether they are the same.
//   - Any bytes are safe to read: no panic, and memory in proportion to their number.
//
// It never reads or writes a file, and it only looks at what it takes a picture of.
package image
