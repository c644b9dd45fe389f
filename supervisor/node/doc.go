// SPDX-License-Identifier: Apache-2.0

// Package node is the loop that joins the deciding core and the acting shell.
//
// One goroutine owns the detector, the failover machine, the book of
// acknowledgements and the raft replica. Whatever happens, a message, a
// verdict about a member, a word from the disk, an operator's request, comes to
// it through one inbox; what it decides leaves through the ports. The disk is
// written by a second goroutine, so that a slow fsync stops neither heartbeats
// nor elections.
//
// The package never talks to a balancer, a device or a socket itself.
package node
