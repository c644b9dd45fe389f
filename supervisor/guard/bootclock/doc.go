// SPDX-License-Identifier: Apache-2.0

// Package bootclock reads the kernel's CLOCK_BOOTTIME, in which the deadlines of rights are told, and turns moments of this
// process' monotonic clock into it.
//
// The two clocks run alike, but for the time that the machine sleeps, which only the boot clock counts: a right that was
// earned before a sleep has run out after it, whatever the monotonic clock says.
//
// Invariant: what comes out is never later than what is true. What is not known comes out as no right at all.
package bootclock
