// SPDX-License-Identifier: Apache-2.0

// Package link is the supervisor's end of the guard: it finds the guard of this node or begins one, tells it what to hold and
// until when, and hears how it stands.
//
// What is wanted is a level: the newest want counts, whatever came of those before, and after a break of the connection the
// guard is told the whole of it again. The first thing that a guard hears from a supervisor that began anew is what that
// supervisor wants, not that it wants nothing.
//
// Invariants:
//
//   - Want never waits.
//   - The guard outlives the link: ending Run ends the connection and nothing else.
//   - What the guard is told first on a connection, or after its right has lapsed, is a whole order; an extension follows only
//     an order with the same units.
//   - A guard that says nothing for SilentMax is killed and another one begun. That takes no right away and gives none: the
//     deadlines are in the kernel, and the next guard takes up what it finds.
//
// It never touches an address or a gate.
package link
