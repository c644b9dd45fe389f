// SPDX-License-Identifier: Apache-2.0

// Package mover has virtual addresses moved where gratuitous ARP is ignored, as in clouds: there an address goes to a machine by a call
// of the provider's API, which a site has as a command. The address itself, and the gate before it in the kernel, are the guard's; the
// mover has the command run once the guard of this node holds the address. docs/cloud-addresses.md is the contract of the command.
//
// What is run, one command per resource at a time and [parallelMax] in all:
//
//   - assign, when a unit is newly wanted under an epoch and waits for nothing; again after 1 s, doubling to 30 s, while it fails;
//     again when a check fails; and again when the right had run out and is back.
//   - check, every Unit.Every while the address is held: somebody else's late call may have won.
//   - release, when a unit that was assigned is recalled: once, best effort, and not if a newer epoch is known or its address is wanted
//     here under another name. Its failure is logged.
//
// Invariants:
//
//   - Nothing begins at or after the deadline ([Mover.Until]), nor on a machine that slept since the heartbeat was sent on which the
//     right rests.
//   - A command that runs when the deadline comes, that takes longer than Unit.Timeout, or that is not what is wanted any more is
//     killed, with its process group. Then no release is run for what the deadline ended: the new holder has the address.
//   - A unit under an epoch below one that was seen of its resource is refused.
//   - Nothing of a command's process group outlives the command. Its output is bounded, its input empty, and no shell is between.
//   - [Mover.Want] and [Mover.Until] never block.
//
// What it cannot do: a call that the provider has accepted is not taken back by killing who made it, and a supervisor that is stopped
// kills nothing. Neither brings two holders about: the gate of the guard closes by itself. The new holder's next check finds an address
// that a late call took away. When the supervisor dies, the kernel kills the program that it ran, yet not what that program began.
//
// It never judges who may hold an address, never touches links, and knows nothing of any provider.
package mover
