// SPDX-License-Identifier: Apache-2.0

// Package usage tells whether anybody is connected to an address of this machine: whether it can move to another one without cutting
// anybody off.
//
// It asks the kernel for the TCP sockets whose own end is at one of the addresses (sock_diag(7)), IPv4 ones that a program listens for
// over IPv6 among them. The kernel compares, and the answer is read up to the first socket, so that a machine with many connections is
// asked as cheaply as one with few.
//
// What it does not see: UDP, whose sockets do not know their clients; connections that the kernel passes on (NAT, IPVS) without a
// socket of this machine; sockets of other network namespaces. What cannot be found out is an error, never "nobody".
//
// It changes nothing, and it does not judge how long an address must have been unused.
package usage
