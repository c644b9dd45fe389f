// SPDX-License-Identifier: Apache-2.0

// Package script is the language of scenarios: a file of lines that an operator can read, each a fault, an order, or
// something to expect, and its player. The same file is played in the simulator and on real nodes: a Stage is either.
//
// [Reference] tells every line that there is. The lines of faults, orders and conditions stand in tables, each with its form:
// what is read, what is written, what is told of a mistake and what the reference says all come from there.
//
// What always holds:
//   - A script that parses can be played: names, numbers and worlds are checked, and an error says in which line, at which
//     word, and what would be right.
//   - The player judges by looking only; it knows no world, and reads no clock but its stage's.
//   - A report that says "kept" was played to its last line, and all that must never be could be looked at in the end.
//   - What a script wants never to be is looked at after every step and every bit of time that passes.
package script
