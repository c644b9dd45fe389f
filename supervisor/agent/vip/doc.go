// SPDX-License-Identifier: Apache-2.0

// Package vip puts virtual IP addresses on interfaces, keeps them there for as long as it is told, and tells the neighbours. It knows
// nothing of clusters: who may hold an address, and until when, is decided elsewhere.
//
// Invariants:
//
//   - Every address has a valid time (valid_lft). When nobody extends it, the kernel removes it, at most [Lateness] late, whatever
//     became of this process.
//   - [Links.Refresh] never creates an address that is gone, not even if it expires between the look and the request: the
//     kernel refuses. A late refresh therefore brings nothing back.
//   - Addresses of others are never touched, replaced or counted as ours: each of ours bears the mark [Protocol], or is in the file of
//     record where the kernel keeps no marks. [Links.Ours] finds those of a process that died.
//   - A neighbour who has the address is reported, never fought: [Links.Probe] claims nothing, and [Links.Announce] sends nothing for an
//     address that is not on its interface.
//   - An error never reads as "not there": what could not be found out is an error.
//   - What others have on the interface stays: an IPv6 address shares no prefix route with the host's own (the kernel would let the host's route expire
//     with ours).
//   - The parsers accept any bytes, and their memory is bounded by the size of the message.
//
// The package never retries, never waits but in [Links.Probe] and [Links.Watch], sets no sysctl and no routing rule ([Links.Sysctls] only looks),
// runs no program, and sets no interface up. A request may wait for as long as somebody else keeps the kernel's lock on
// network configuration; deadlines that must hold nevertheless are the business of package gate.
package vip
