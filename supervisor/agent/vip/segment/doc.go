// SPDX-License-Identifier: Apache-2.0

// Package segment is a bench for tests: hosts, each a network namespace, on one Ethernet segment.
//
// The namespaces have no names, so nothing of them can be left behind: they end with the test, or with its process. The host
// that the test runs on gets no interface and no address.
package segment
