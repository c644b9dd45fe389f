// SPDX-License-Identifier: Apache-2.0

// Package orders says what the orders of a script ask of a cluster. Every world asks for the same, and gives the same reason.
//
// What always holds:
//   - An order that the command line would refuse by itself is refused here, in its words.
//   - The cluster file is changed on condition that nobody else has changed it.
//
// It never asks anybody: whoever gives an order sends what it returns, and waits for the answer.
package orders
