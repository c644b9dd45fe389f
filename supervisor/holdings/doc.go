// SPDX-License-Identifier: Apache-2.0

// Package holdings joins what the core gives a node to hold with what its guard says it has: it words the one for the other, and
// keeps the account of what was told and answered. It also turns the moments of the one into the instants of the other.
//
// What always holds:
//   - A deadline that was told holds, whatever becomes of the right: it is what the others wait for.
//   - A node that was started again has no right yet. Until it has, its guard goes by what the former process told it.
//   - The guard knows an order when it has answered it, and knows all that is on its links.
//   - A guard that cannot be told anything is trouble only when that has been so for as long as a right lasts: one that was
//     killed is back within that time, and costs no request.
//
// It is pure: supervisor/cli/holding joins it with a real guard, and the simulator with a simulated machine.
package holdings
