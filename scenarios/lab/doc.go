// SPDX-License-Identifier: Apache-2.0

// Package lab builds a small data centre on one machine: nodes that boot, lose their power and get it back, on
// networks whose cables can be cut. The demo and the tests run the real product on it.
//
// Two worlds satisfy the interface [World]. [New] (needs root) gives each node namespaces of its own: network, mounts,
// processes, host name, IPC. Its switch, one bridge for the service network and one for each rail, lives in a namespace
// as well, and an nftables table of the bridge family black-holes ports and pairs of ports, and loses frames, while the carrier stays up.
// [NewLoopback] needs no root: its nodes are processes on addresses 127.77.<network>.<index>, and cannot be cut.
//
// What always holds:
//   - PID 1 of a node is the running binary itself, started again with [InitArg]: main hands such a call to [Init]. It
//     mounts, reaps, and starts processes for its lab, which talks to it over a unix socket in the node's folder.
//   - A node dies with the process that made the lab, also by kill -9: PID 1 has SIGKILL as its parent-death signal.
//     Namespaces and folders that remain then are noted in a record, and [Sweep] removes them; so does the next lab of
//     that name. A lab that is alive holds a lock on its name.
//   - The host gets no address and no interface on the networks of a lab: labs of different names run side by side
//     with the same addresses. To reach a node, use [Node.Dial] of another one.
//   - Files are the host's: only /run, /dev/shm, /proc and /sys are a node's own.
//   - A power cycle gives a fresh network namespace, as a reboot would: no address, rule or socket survives it.
//
// The package never touches a namespace, process or folder that it did not make, and never uses the network of the host.
package lab
