// SPDX-License-Identifier: Apache-2.0

// Package supervisor is the home of everything that knows what a cluster is; the packages are in the folders below it.
//
// The packages cluster, quorum, lease, placement, failover, converge and consensus decide: they are pure, the same input gives the same output, and time
// is an argument. The loop that feeds them is node. What they decided is carried out by agent and shown by api; config checks what the operator wrote;
// cli wires the whole and is called by the binary.
//
// The package itself holds no code. Its tests read the source of the whole module and fail when a package imports what it must not, when a pure package
// touches a clock, a goroutine or the order of a map, or when a file outgrows its reader. Each rule carries its reason, and each is shown to be able to
// fail by a planted violation.
package supervisor
