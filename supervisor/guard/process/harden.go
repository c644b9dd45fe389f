// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// heapGrowth makes the collector begin when the heap has grown by a quarter, and at 1 MB, rather than when it has doubled,
	// and at 4 MB: a guard has little alive, so each collection costs it less than a millisecond. There is no limit of memory
	// (GOMEMLIMIT) on purpose: near one, the collector would take half of the processor, at real-time priority.
	heapGrowth = 25
	// processors bounds how many threads run Go code at once. One has the machine, and one is enough for all others.
	processors = 2
	// priority is that of SCHED_RR: above all that is not real-time, and below the threads of the kernel that serve
	// interrupts, which have 50.
	priority = 10
	// threadRounds bounds how often the threads are gone through, since the runtime may start one meanwhile.
	threadRounds = 10
)

// Harden makes the whole process a guard: small, in memory, ahead of the others, and deaf to what ends its supervisor. It is
// called first in the guard's main. It returns what the system did not permit, as sentences; the guard does without.
//
// Memory is locked page by page as it is touched (MCL_ONFAULT), so of a large program only what the guard uses stays; that the
// whole address space counts as locked in VmLck of proc(5) means nothing. All threads are made real-time, since one alone is not enough in Go, where any thread may run the loop.
func Harden() (lacks []string) {
	// A write to a log whose reader is gone must be an error and no signal.
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE)
	runtime.GOMAXPROCS(processors)
	debug.SetGCPercent(heapGrowth)
	debug.FreeOSMemory() // what the packages of a large program allocated when they were initialised; before it is locked
	for _, p := range []struct {
		what string
		do   func() error
	}{
		{"the kernel may kill it when memory is short", unkillable},
		{"its memory is not locked", lockMemory},
		{"it is not real-time", realTime},
	} {
		if err := p.do(); err != nil {
			lacks = append(lacks, fmt.Sprintf("%s: %v", p.what, err))
		}
	}
	return lacks
}

// unkillable exempts the process from the choice of victims when memory runs out.
func unkillable() error {
	return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
}

// lockMemory keeps what the process touches in memory. With a limit it could be refused a page later, which the runtime does
// not survive, so it locks without limit or not at all.
func lockMemory() error {
	unlimited := unix.Rlimit{Cur: math.MaxUint64, Max: math.MaxUint64}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil && !mayLock() {
		return fmt.Errorf("lift the limit of locked memory: %w", err)
	}
	return unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
}

// mayLock tells whether no limit of locked memory holds for this process: it has CAP_IPC_LOCK.
func mayLock() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // of 32 capabilities each
	err := unix.Capget(&header, &data[0])
	return err == nil && data[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}

// realTime gives every thread a real-time priority. New threads inherit that of the one that starts them.
func realTime() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: priority}
	done := map[int]bool{}
	for range threadRounds {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list the threads: %w", err)
		}
		fresh := false
		for _, e := range entries {
			tid, err := strconv.Atoi(e.Name())
			if err != nil || done[tid] {
				continue
			}
			if err := unix.SchedSetAttr(tid, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			done[tid], fresh = true, true
		}
		if !fresh {
			break
		}
	}
	return nil
}
