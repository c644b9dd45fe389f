// SPDX-License-Identifier: Apache-2.0

// Package converge says what one node has to do: the committed state, seen
// through what the node itself knows by now, becomes a duty for each balancer
// that it runs.
//
// What the node knows may only take a member out earlier than the log does, or
// bring it back on its own node's word; it never overrides an operator, and it
// counts for nothing when the node has no authority. A duty that is frozen
// carries its reason; whoever carries it out changes nothing.
package converge
