// SPDX-License-Identifier: Apache-2.0

// Package load is the client whose experience counts: it sends requests at a fixed rate, whatever becomes of the ones
// before (an open loop), and keeps for each of them when it was due, who answered, how long it took and how it failed.
//
// What always holds:
//   - Latency counts from the moment at which the request was due, so a stall of the client shows instead of hiding;
//     [Report.MaxLate] tells how much of it was the client's own.
//   - Nothing is retried but a request on an idle connection that the server closed before its first byte of answer,
//     once, on a new connection (RFC 9112 section 9.3.1); such cases are counted.
//   - Every request ends in exactly one [Kind]. Those in flight at the end are awaited up to the timeout.
//   - It runs in the process that made the lab, through the Dial of a node, so its numbers need no other process. The
//     HTTP client is its own, on plain connections: 1000 requests/s cost a few percent of a core.
//   - Memory is bounded: it keeps the last 524,288 requests, and counts what it forgot.
package load
