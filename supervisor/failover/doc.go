// SPDX-License-Identifier: Apache-2.0

// Package failover is the machine that every node runs: it turns what the node
// hears into votes, and, where the node leads, votes into proposals.
//
// The machine is pure. Events go in with the time, actions come out; the same
// events give the same actions. It never touches a balancer, a device or the
// bus. What it proposes takes effect only when the log commits it, and it
// proposes again, at its own pace, until the committed state shows the effect:
// a new leader goes on where the former stopped, from the committed state and
// what it hears, with nothing else handed over.
//
// The rules:
//
//   - A node is condemned when a majority of all voters say, each about the same
//     life of it, that they cannot hear it. Who is heard by a majority stays.
//   - A vote speaks about one life, runs out when it is not repeated, and is
//     void when its voter is itself not admitted, was started again, or has sent
//     much since. Nobody votes about himself.
//   - A life is suspected once we have heard it, or had the time to: what was
//     silent before it began was the former one.
//   - A suspicion is acted upon on balancers only while a majority of voters was
//     heard a moment ago: nodes that fall silent together point at ourselves.
//   - A node is admitted in a newer life only; two installations of one name
//     that are both heard are told apart, and the second stays out. So does a
//     copy of another node's installation.
//   - What the bus delivers late changes nothing: an older heartbeat or vote does
//     not undo a newer one.
package failover
