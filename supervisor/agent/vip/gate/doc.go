// SPDX-License-Identifier: Apache-2.0

// Package gate closes virtual addresses at a deadline, whatever became of the process that held them. Only Set moves a deadline; at it and
// after it, no packet to or from the address and no answer for it (ARP, neighbour discovery) passes the interface
// that it was set on, in either direction. What it has not been told about passes untouched.
//
// There are three classes, of which [Open] takes the best that this kernel and these privileges allow:
//
//   - [ClassGate]: an eBPF program at the head of the TCX hooks of the interface compares the boot clock with the deadline, packet by
//     packet (Linux 6.6). The deadline is absolute: how late the process that sets it runs makes no difference, and there is no
//     moment between a look and an act. Program, attachments and deadlines are pinned, so they outlive the process.
//   - [ClassTimedSet]: nftables drops whatever concerns the address unless a set element with a timeout allows it (Linux 5.16, for the
//     egress hook). The kernel counts the timeout from the moment that the request arrives: it ends late by as much
//     as the request was late. The monotonic clock counts, which stands still while the machine is suspended.
//   - [ClassAddress]: nothing is done here; the valid time of the address (package vip) is all there is.
//
// Invariants:
//
//   - A deadline is a boot-clock time in nanoseconds ([Now]). It is never moved but by [Gate.Set].
//   - Set has the gate on the interface, also when the interface was removed and made again. Where somebody detached the program by
//     force, or flushed the nftables ruleset, Set puts it back: at once, or, in class gate, within a second.
//   - Once class gate is on an interface, Set moves the deadline without waiting for the kernel's lock on network configuration. The
//     look whether the program is still there, once a second, does wait for it, after the deadline was moved.
//   - An address that was set and not cleared stays closed after its deadline, after this process, and after the next one that opens the same gate.
//   - The gate puts itself first in its hook, so that no program that was there before lets a packet past it. One that somebody
//     puts first later can.
//
// What it cannot stop: packets that already passed it and lie in a queue of the device; packets on other interfaces, if the machine answers
// there as well (vip.Links.Sysctls tells); connections within the machine itself; and everything, on a machine whose clocks stand still, as a
// virtual machine that is paused.
//
// The package decides nothing, never retries, and never reads the clock to extend anything.
package gate
