// SPDX-License-Identifier: Apache-2.0

// Package stage is the world of real nodes in which scripts are played: a fleet of machines in network namespaces, with a
// client, that the faults of a script really hit. It needs root.
//
// What is asked of a Stage is judged from what an operator, or a client, can see: from the API of each node, from each
// HAProxy's own words about its servers, and from what became of the client's requests. What a condition means, package looks
// says; what an order asks for, package orders; and package moments tells what happened.
//
//   - A node runs when the process of its Evenkeel does and is not paused; so does an HAProxy. What holds for "every one
//     that runs" says nothing about the others. Nobody is excused for being cut off: a node is asked over its own socket.
//   - A question that is not answered in time is not answered at all.
//   - Who holds an address the nodes say, and the machine's kernel must show it. Whether two had it is seen on the wire: every
//     frame that a node sends as the address is looked at, and must come from whom it was given to last.
//   - HAProxies are sampled all the time; a look shows a sample that was taken after it was asked for, so that no
//     look shows a change which the record of changes lacks.
//
// What always holds:
//   - A look takes a second at most, and asks everybody at once.
//   - What lasts for a time, such as a pause, ends by itself, also when the stage is closed before.
//   - Close removes everything: processes, namespaces, and files unless they were to be kept.
//   - A Stage belongs to one goroutine.
//
// What it cannot do it says with script.ErrNotHere: a machine's clock cannot be stopped, frames are not kept back, and disks
// are as fast as they are. Power that goes off ends all processes of a machine, but what they wrote without a sync is still
// there afterwards, for the files are the host's.
package stage
