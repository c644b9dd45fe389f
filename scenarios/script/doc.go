// SPDX-License-Identifier: Apache-2.0

// Package script is the language of scenarios: a file of lines that an operator can read, each a fault, an order, or
// something to expect, and its player. The same file is played in the simulator and on real nodes: a Stage is either.
//
// What always holds:
//   - A script that parses can be played: names, numbers and worlds are checked, and an error says in which line, at which
//     word, and what would be right.
//   - The player judges by looking only; it knows no world, and reads no clock but its stage's.
//   - What a script wants never to be is looked at after every step and every bit of time that passes.
package script
