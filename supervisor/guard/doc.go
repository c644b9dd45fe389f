// SPDX-License-Identifier: Apache-2.0

// Package guard is what the guard of a node decides. The guard is the small process that has the node's virtual
// addresses and the gate before them in its hands. It knows resources, their epochs, their addresses and one deadline;
// it knows no policy and no cluster. The supervisor tells it what to hold and until when, and a supervisor that falls
// silent is no case of its own: the deadline passes, and everything goes.
//
// A Machine is told what happened and when, and answers what to do. What it wants is a level, not an edge: what is on
// the links and not ordered, or ordered by an order whose deadline has passed, goes, whoever put it there and whatever
// was forgotten in between.
//
// Invariants:
//
//   - Nothing is probed for, added, refreshed or announced from the deadline less Margin on (rule N1 of the arithmetic of
//     rights), and at the deadline all that is there is asked to go.
//   - An extension never revives an order whose deadline has passed. Only another order does.
//   - Nothing is done for a resource under an epoch lower than one that was ordered for it before.
//   - Nothing is added before the links were looked at, and before what a former guard left there without an order has gone.
//   - An address is added only behind an open gate, after a probe that heard of no stranger who has it, unless its unit says
//     that nobody is to be asked. A stranger is reported and never fought: what is not added is not announced.
//   - What an act did that failed or came too late is not known until the links were looked at; an error never reads as
//     an absent address.
//   - Of one address at most one act of the hands and one of the gate are under way at a time.
//
// The gate closes by itself at the deadline that it was last given, so closing it is no act that could come too late. It
// is set before the probe, because a closed gate would swallow the stranger's answer, and it is cleared once the address
// is gone, because a gate that stays would cut this node off from the address at its next holder.
//
// The package does no I/O and reads no clock: the time is an argument, an Instant of the kernel's boot clock. The process
// that carries out what it decides is in supervisor/guard/process, the supervisor's end in supervisor/guard/link.
package guard
