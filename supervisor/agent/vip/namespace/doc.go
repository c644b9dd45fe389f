// SPDX-License-Identifier: Apache-2.0

// Package namespace lets a goroutine act in one network namespace, whatever thread it runs on. Sockets, interfaces and /proc/sys/net
// belong to the namespace of the thread that opens them, and goroutines change threads.
//
// A thread that cannot be brought back to where it was is not used again. The package makes no namespaces.
package namespace
