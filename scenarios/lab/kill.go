// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// killPasses bounds how often killMarked looks again for processes that were forked while it looked.
	killPasses = 10
	// killWait bounds the wait for one killed process to be gone.
	killWait = 5 * time.Second
)

// killMarked kills every process whose environment has an entry equal to mark, or, if mark ends with a slash, an
// entry that begins with it. It returns when all of them are gone.
func killMarked(mark string) error {
	for range killPasses {
		found, err := killMarkedOnce(mark)
		if err != nil || found == 0 {
			return err
		}
	}
	return fmt.Errorf("processes with %s go on forking", mark)
}

func killMarkedOnce(mark string) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	found := 0
	var errs []error
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		killed, err := killIfMarked(pid, mark)
		if killed {
			found++
		}
		errs = append(errs, err)
	}
	return found, errors.Join(errs...)
}

// killIfMarked holds the process by a pidfd before it looks, so that a number that is used again is never hit.
func killIfMarked(pid int, mark string) (bool, error) {
	environ := fmt.Sprintf("/proc/%d/environ", pid)
	if env, err := os.ReadFile(environ); err != nil || !hasMark(env, mark) {
		return false, nil // A process that is gone, or not ours to read, is not one of the lab.
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pidfd of %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if env, err := os.ReadFile(environ); err != nil || !hasMark(env, mark) {
		return false, nil // As above: the number has passed to another process.
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return false, fmt.Errorf("kill %d: %w", pid, err)
	}
	return true, awaitPidfd(fd, pid)
}

// awaitPidfd returns when the process has ended (pidfd_open(2): the descriptor becomes readable).
func awaitPidfd(fd, pid int) error {
	deadline := time.Now().Add(killWait)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("process %d is still there %s after SIGKILL", pid, killWait)
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(left/time.Millisecond)+1)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll pidfd of %d: %w", pid, err)
		}
	}
}

func hasMark(environ []byte, mark string) bool {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if string(entry) == mark || strings.HasSuffix(mark, "/") && bytes.HasPrefix(entry, []byte(mark)) {
			return true
		}
	}
	return false
}
