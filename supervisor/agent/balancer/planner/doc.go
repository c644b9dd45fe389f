// SPDX-License-Identifier: Apache-2.0

// Package planner is what a keeper of a balancer decides: from the duty of the node, the moment until which the node may
// act, and what the balancer shows, it says what to tell the balancer and how it stands. The keeper carries it out.
//
// Invariant: while the duty is frozen, or the moment has passed, a plan has no operations.
//
// It never talks to a balancer and reads no clock.
package planner
