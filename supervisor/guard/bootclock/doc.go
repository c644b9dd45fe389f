// SPDX-License-Identifier: Apache-2.0

// Package bootclock reads the kernel's CLOCK_BOOTTIME, in which the deadlines of rights are told.
//
// It counts the time that the machine sleeps, as the monotonic clock does not: whoever has a deadline in it is not fooled by a
// sleep.
package bootclock
