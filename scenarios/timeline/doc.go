// SPDX-License-Identifier: Apache-2.0

// Package timeline shows what became of a scenario: as text for a terminal, and as a picture. Both have one lane for each
// machine, each HAProxy, the clients and whoever did something, with time from left to right, and tell why.
//
// What always holds:
//   - The same report gives the same bytes.
//   - Nothing is shown that the report does not say: a state lasts until a moment ends it.
//   - The picture is one file that needs nothing else: no script, no font, nothing from the network. What it quotes can
//     neither end an element nor begin one.
package timeline
