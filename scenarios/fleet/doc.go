// SPDX-License-Identifier: Apache-2.0

// Package fleet puts a whole cluster into a lab: machines that run the product as real processes, with real HAProxies in
// front of small web applications. The demo and the tests of promises stand on it.
//
// Machines come in four kinds: web machines run an application and are members of the one pool; balancer machines run one
// or more HAProxies, of which Evenkeel keeps the first; witnesses only vote; plain machines run an application without
// Evenkeel and are agentless members. Everything that runs on a machine is a [Program]: it can be started, stopped, killed,
// paused and started again.
//
// What always holds:
//   - Nothing is simulated: what is killed is a process, what is asked is the product's own API, and what a balancer does is
//     read from HAProxy's stats socket.
//   - Waits are bounded and say what is missing when they run out. None of them judges how fast something was.
//   - A fleet belongs to one goroutine. Its world removes what the fleet made; see the package lab.
//
// It never reaches into the product: what an operator cannot see, the fleet does not see either.
package fleet
