// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// pidWatcher waits for the end of the process that a file names. The process is held by a pidfd, pidfd_open(2), which
// never comes to mean another one; the file is looked at again after the end and every interval.
type pidWatcher struct {
	file  string
	every time.Duration
	hints chan<- hint
	log   zerolog.Logger

	said string // the last trouble that was logged
}

// process is a process that is being watched.
type process struct {
	pid int
	fd  *os.File // pidfd
}

// edition tells one writing of a file from another.
type edition struct {
	inode uint64
	size  int64
	mtime time.Time
}

func (w *pidWatcher) run(ctx context.Context) {
	var watched *process
	var seen edition // the writing of the file that we acted upon
	defer func() { watched.close() }()
	for ctx.Err() == nil {
		if now, err := w.look(); err != nil {
			w.trouble(err)
		} else if now != seen {
			seen = now
			watched.close()
			watched = w.open(now)
		}
		if watched == nil {
			pause(ctx, w.every)

			continue
		}
		exited, err := watched.wait(ctx, w.every)
		if err != nil {
			w.trouble(err)
			pause(ctx, w.every)
		}
		if exited {
			offer(w.hints, hint{gone: true, reason: fmt.Sprintf("process %d ended", watched.pid)})
			watched.close()
			watched = nil
			// What the file says is stale until it is written anew: the number may belong to another process by then.
			// A restart writes it soon, so that the next look comes sooner than the interval.
			pause(ctx, min(w.every, maxReread))
		}
	}
}

// maxReread is the longest time after the end of a process until its file is looked at again.
const maxReread = time.Second

// look identifies the present writing of the file.
func (w *pidWatcher) look() (edition, error) {
	info, err := os.Stat(w.file)
	if err != nil {
		return edition{}, err
	}
	e := edition{size: info.Size(), mtime: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		e.inode = sys.Ino
	}

	return e, nil
}

// open begins to watch the process that the file names. It returns nil if there is none to watch.
func (w *pidWatcher) open(now edition) *process {
	pid, err := readPID(w.file)
	if err != nil {
		w.trouble(err)

		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		offer(w.hints, hint{gone: true, reason: fmt.Sprintf("process %d, named by %s, does not run", pid, w.file)})

		return nil
	}
	if err != nil {
		w.trouble(fmt.Errorf("pidfd of process %d: %w", pid, err))

		return nil
	}
	// Nonblocking makes the runtime's poller take it, so that no thread waits.
	if err := unix.SetNonblock(fd, true); err != nil {
		w.trouble(errors.Join(fmt.Errorf("pidfd of process %d: %w", pid, err), unix.Close(fd)))

		return nil
	}
	p := &process{pid: pid, fd: os.NewFile(uintptr(fd), "pidfd")}
	// Only now that it is pinned does the age of the process mean anything.
	if err := olderThan(pid, now.mtime); err != nil {
		w.trouble(err)
		p.close()

		return nil
	}
	w.said = ""

	return p
}

// trouble logs what keeps us from watching, once as long as it stays the same.
func (w *pidWatcher) trouble(err error) {
	if text := err.Error(); text != w.said {
		w.said = text
		w.log.Warn().Err(err).Str("pid_file", w.file).Msg("cannot watch the process, the check goes on by polling")
	}
}

// maxPIDFile is how many bytes of the file are read: a number and a line break, with room for what some daemons add.
const maxPIDFile = 64

// readPID reads the number at the beginning of a file.
func readPID(file string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPIDFile))
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, err
	}

	return parsePID(text)
}

// parsePID reads the first word as the number of a process.
func parsePID(text []byte) (int, error) {
	words := bytes.Fields(text)
	if len(words) == 0 {
		return 0, errors.New("no process number in the file")
	}
	pid, err := strconv.ParseInt(string(words[0]), 10, 32)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%q is no process number", words[0])
	}

	return int(pid), nil
}

// startSlack is by how much a process may seem to be younger than the file that names it: the kernel counts the start
// of a process in ticks of 10 ms, and the clock may have been set a little in between.
const startSlack = 2 * time.Second

// olderThan refuses a process that began after the file was written which names it: the number was used again.
func olderThan(pid int, written time.Time) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	after, err := startTime(stat)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return fmt.Errorf("time since boot: %w", err)
	}
	began := time.Now().Add(after - time.Duration(ts.Nano()))
	if began.After(written.Add(startSlack)) {
		return fmt.Errorf("process %d began at %s, after the file was written: its number was used again",
			pid, began.UTC().Format(time.RFC3339))
	}

	return nil
}

// clockTick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every Linux that Go knows.
const clockTick = 10 * time.Millisecond

// startTime reads field 22 of /proc/PID/stat, proc_pid_stat(5): the start of the process, counted from the boot.
func startTime(stat []byte) (time.Duration, error) {
	// The name of the program is in brackets and may itself hold blanks and brackets.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const wanted = 22 - 3 // the first field after the name is the third
	if len(fields) <= wanted {
		return 0, fmt.Errorf("stat has only %d fields after the name", len(fields))
	}
	ticks, err := strconv.ParseInt(string(fields[wanted]), 10, 64)
	if err != nil || ticks < 0 || ticks > int64(1<<62/clockTick) {
		return 0, fmt.Errorf("start time %q is no number of ticks", fields[wanted])
	}

	return time.Duration(ticks) * clockTick, nil
}

// wait waits until the process ends, the time is over, or ctx ends.
func (p *process) wait(ctx context.Context, most time.Duration) (exited bool, err error) {
	if err := p.fd.SetReadDeadline(time.Now().Add(most)); err != nil {
		return false, fmt.Errorf("pidfd of process %d: %w", p.pid, err)
	}
	unblocked := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(unblocked)
		// Fails only on a closed pidfd, where nobody waits.
		_ = p.fd.SetReadDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-unblocked
		}
	}()
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("pidfd of process %d: %w", p.pid, err)
	}
	err = raw.Read(func(fd uintptr) bool {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		exited = err == nil && n == 1

		return exited
	})
	if exited || errors.Is(err, os.ErrDeadlineExceeded) {
		return exited, nil
	}

	return false, fmt.Errorf("pidfd of process %d: %w", p.pid, err)
}

// close lets go of the process. Nothing can be done about an error, and nothing depends on it.
func (p *process) close() {
	if p != nil {
		_ = p.fd.Close()
	}
}
