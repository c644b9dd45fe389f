// SPDX-License-Identifier: Apache-2.0

// Package dialogue is what a supervisor says to its guard: the numbers of its orders, and whether a whole order or a mere
// extension says what the guard does not know yet.
//
// What always holds:
//   - A guard that does not know the present order is told all of it; so is one whose right has run out, once there is a new one.
//   - What was told to another connection counts for nothing on this one.
//
// It sends nothing: the connection is in supervisor/guard/link, and the simulator has its own.
package dialogue
