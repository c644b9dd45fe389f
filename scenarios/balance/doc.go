// SPDX-License-Identifier: Apache-2.0

// Package balance holds no code: its tests are the promises of the product about balancers, each kept against real HAProxies
// and real processes in a lab. A test is named for its promise, and a file for a theme.
//
// Most tests share one fleet, which each of them takes well and gives back well; one that fails throws it away. They judge
// what happens, never how fast.
package balance
