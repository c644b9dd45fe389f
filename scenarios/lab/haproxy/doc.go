// SPDX-License-Identifier: Apache-2.0

// Package haproxy watches a real HAProxy from outside: it asks the stats socket every millisecond which servers get
// traffic, and keeps when each of them left and came back. It is the stop-watch for both Evenkeel's drains and HAProxy's
// own health checks, so it knows nothing of either and writes nothing.
//
// What always holds:
//   - A server is in rotation if it runs, is neither in maintenance nor drained, and has a weight.
//   - Every change carries the two polls between which it happened, which is how exact it is.
//   - A poll that fails is counted, and never reads as a server that left.
//   - It polls only while armed, and its memory is bounded.
package haproxy
