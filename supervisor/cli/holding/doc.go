// SPDX-License-Identifier: Apache-2.0

// Package holding joins what decides who holds an address with what has it in its hands: the node's port to its guard, the
// guard's ports to the kernel, the command that moves addresses in clouds, and what this node knows of its links and of who is
// connected to its addresses.
//
// It decides nothing. A guard that cannot be told anything is reported as trouble only when it has been so for as long as a
// right lasts: one that was killed is back within that time, and costs no request.
package holding
