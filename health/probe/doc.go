// SPDX-License-Identifier: Apache-2.0

// Package probe runs the checks of applications on this node and of addresses that it is responsible for.
//
// A Spec says what to check and how often; Run carries out one of them, a Set carries out many and follows changes of
// what is wanted. A check connects (TCP), asks (HTTP) or runs a command (Exec); a health.Judge turns its results into
// changes, which are reported.
//
// Polling alone finds a death after half an interval on average, so three hints make it prompt: a connection kept open
// to the application, its process, and its systemd unit. A hint never decides anything. It triggers a probe at once,
// and only what that probe sees counts: refused after the hint is proof, an answer changes nothing.
//
// The connection costs the application something: one that stops gracefully may wait for it. For planned work a check
// is made Quiet, and then keeps none. At other times an HTTP check keeps the connection of its last good answer, which
// a server that stops closes at once.
//
// Invariants:
//
//   - A check that is not answered ends at its timeout; a command ends with its whole process group.
//   - Memory is bounded: 64 KiB of an HTTP body, 4 KiB of a command's output, 64 KiB of a message from the bus, 8
//     waiting hints.
//   - A hint that cannot be had (no systemd, no process file, no pidfd) is logged once; the check goes on by polling.
//   - After Run returns, or a Set dropped a check, nothing of it is left: no goroutine, process, connection or report.
//     Only goroutines of the D-Bus and HTTP libraries, whose connections are closed by then, may take a moment more.
//   - A check that becomes Quiet, or ceases to be, keeps its state and its times, and that it drops its connection is
//     no hint.
//
// The package never restarts, repairs or signals an application, runs no shell, and keeps no state on disk.
package probe
