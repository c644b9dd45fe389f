// SPDX-License-Identifier: Apache-2.0

// Package core is a node as a value: everything that it decides, and nothing that it touches. It joins the detector, the
// leases, the failover machine, the replica of the log and the duties of this node's balancers.
//
// A core takes inputs and answers with outputs, one step at a time; production, the simulator and the replay of a flight
// recording run the same one. Time is an argument, and so is identity.
//
// What always holds:
//   - Two cores that were made alike and take the same steps answer the same, bit for bit, if raft draws the same random
//     numbers (it takes them from crypto/rand.Reader).
//   - Nothing is sent that rests on what is not durable yet: the replica holds such frames back until Stored comes.
//   - A step never waits, and its cost is bounded by what the cluster file names.
//
// It never reads a clock, a file or a socket, and starts no goroutine.
package core
