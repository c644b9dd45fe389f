// SPDX-License-Identifier: Apache-2.0

// Package moments turns what was seen on a stage into the moments of its timeline: what nodes told, what HAProxies showed of
// their servers, what became of requests, and what the stage did itself. Every world tells in the same words.
//
// What always holds:
//   - What is said about a node is on that node's lane, whoever says it; what is said about a member, on the lane of its
//     machine; about a balancer, on that of its HAProxy.
//   - A resource has a lane of its own, on which its state is who holds it, as the cluster agreed.
//   - The state of a node is how the others see it that have quorum, and what was committed goes before what was noticed.
//
// It never looks at a world: it is given what was seen, with the times at which it was.
package moments
