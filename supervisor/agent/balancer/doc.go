// SPDX-License-Identifier: Apache-2.0

// Package balancer carries out the duties of a node toward its load balancers.
//
// Each balancer has a keeper, one goroutine, so that a slow or hung balancer
// delays no other. A keeper is level-triggered: woken by a new duty, by a hint
// of the driver, by a deadline or by its own clock, it compares what should be
// with what the balancer shows, and does what is missing. It trusts nothing but
// the read-back. A frozen duty is observed and not acted upon.
package balancer
