// SPDX-License-Identifier: Apache-2.0

package bootclock

import (
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// Now reads the boot clock. Should the kernel refuse, which no Linux does, it is later than any deadline.
func Now() guard.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return guard.Never
	}
	return guard.Instant(ts.Nano())
}
