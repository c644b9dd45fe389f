// SPDX-License-Identifier: Apache-2.0

// Package process is the guard as a process: it listens for its supervisor on a unix socket, lets a guard.Machine decide, and
// has hands and a gate carry out what it decides. It is begun by the supervisor and outlives it.
//
// One goroutine owns the machine and never waits for anything but events: not for the kernel, not for the supervisor, not for
// the log. The hands do one thing at a time, what lets go first; so does the gate, beside them, so that hands that hang keep no
// gate open; probes run side by side.
//
// Invariants:
//
//   - Before the hands do what needs the right, and after it, the boot clock is read and compared with the deadline that the
//     machine goes by at that moment (rules N1 and N6). What was begun in time and ended late is undone.
//   - There is one guard per socket. It listens only while it has the lock beside the socket, which the kernel drops with the
//     process.
//   - It obeys whoever is root or its own user, one supervisor at a time: the newest. What an earlier one said and was not yet
//     read is not read any more.
//   - Told to end, it lets go of everything first; killed, it leaves that to the deadlines in the kernel.
//   - It leaves no process behind: with nothing to hold, and no supervisor for a minute, it ends by itself.
//
// A service manager must not kill the guard along with the supervisor: under systemd the unit of the supervisor needs
// KillMode=process.
//
// It never retries an operation; the machine does.
package process
