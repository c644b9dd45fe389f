// SPDX-License-Identifier: Apache-2.0

// Package demo is what a newcomer runs first: a whole cluster on one machine, real requests through real HAProxies, and
// faults whose cost is measured. It builds a lab, plays acts, tells what happens as it happens, and ends with a table.
//
// Three nodes run a web application, two run balancers, one is the client. Each of the five runs the product as a process
// of this very binary. Each balancer node runs two HAProxies: one that Evenkeel keeps, with the configuration that it
// recommends, and a peer beside it that is left alone with HAProxy's default checks. Both kinds get the same load at the same
// time and see the same faults.
//
// What always holds:
//   - Nothing is simulated and no figure is computed from another one: faults are the kernel's, times out of rotation are read
//     from the sockets of the HAProxies, failed requests are the client's own count.
//   - The same stop-watch, load and limits hold for both kinds of balancer.
//   - An act begins only when all is well, and ends only when all is well again; a wait that runs out ends the demo with
//     the logs that say why.
//   - All that was made is removed: at the end, after an error or signals, and by the next demo after a crash.
//
// It never touches the network of the host, nor any process or folder that it did not make.
package demo
