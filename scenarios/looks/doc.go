// SPDX-License-Identifier: Apache-2.0

// Package looks judges the conditions of a script from what an operator or a client can see in its world: the view of each
// node, what each HAProxy shows of its servers, the journal of events, and what became of requests. Every world judges alike.
//
// What always holds:
//   - Who leads, how nodes are, and whether balancers are in step is asked of the nodes that have quorum, for the others do
//     not know; a node that is named is asked in any case. That a node is suspect, down or has left is not asked of itself.
//   - What holds for "every one that runs" says nothing about the others, and does not hold if there is none.
//   - Where a resource is the nodes say, and the machine itself must show it; whether two had it, nobody is asked.
//   - Who does not answer makes no condition hold, whichever it is.
//
// It never touches a world: it asks, through the port that it declares, and changes nothing.
package looks
