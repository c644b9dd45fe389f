// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

const (
	// outputMax is how many bytes are kept of what a command writes to its standard error: the last ones.
	outputMax = 4 << 10
	// reasonMax is how many bytes of it become the reason.
	reasonMax = 200
	// leftMax is how long the output is awaited after all that is known of a command has ended: what left the process group may
	// hold the pipe open.
	leftMax = 200 * time.Millisecond
	// path is the PATH of a command.
	path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// group is the process group of a command. Its number belongs to it until its leader is waited for.
type group struct {
	mu   sync.Mutex
	pid  int // of the leader
	over bool
}

// kill ends all that is in the group. That nobody is left is no error.
func (g *group) kill() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return nil
	}
	if err := syscall.Kill(-g.pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// end waits until the leader has ended, without taking its number from it, and ends what is left of the group.
func (g *group) end() error {
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, g.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	err = errors.Join(err, g.kill())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	return err
}

// execute runs a command to its end, or until ctx ends, and tells whether it succeeded and, if not, what there is to say about it.
func execute(ctx context.Context, argv, env []string) (ok bool, said string) {
	// The kernel ends the program with the thread that began it, so that it does not outlive the supervisor; and a thread that
	// other goroutines use may end before the supervisor does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var words lastWords
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append([]string{path, "LC_ALL=C"}, env...)
	cmd.Dir = "/"
	cmd.Stderr = &words
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	g := &group{}
	g.mu.Lock()
	cmd.Cancel = g.kill
	cmd.WaitDelay = leftMax
	err := cmd.Start()
	if err != nil {
		g.mu.Unlock()
		return false, clip(err.Error())
	}
	g.pid = cmd.Process.Pid
	g.mu.Unlock()
	killed := g.end()
	err = cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = errors.New("it left processes behind that hold its output")
	}
	err = errors.Join(err, killed)
	switch {
	case ctx.Err() != nil:
		return false, words.line() // that it was killed is known
	case err != nil:
		return false, join(clip(err.Error()), words.line())
	}
	return true, ""
}

// lastWords keeps the end of what is written to it.
type lastWords struct{ kept []byte }

func (w *lastWords) Write(p []byte) (int, error) {
	if len(p) >= outputMax {
		w.kept = append(w.kept[:0], p[len(p)-outputMax:]...)
		return len(p), nil
	}
	if over := len(w.kept) + len(p) - outputMax; over > 0 {
		w.kept = append(w.kept[:0], w.kept[over:]...)
	}
	w.kept = append(w.kept, p...)
	return len(p), nil
}

// line is the last line that is not blank, fit to be shown.
func (w *lastWords) line() string {
	text := bytes.TrimSpace(w.kept)
	return clip(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}

// clip makes a text from outside fit for one line of reasonMax bytes.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(s), "?"))
	if len(s) > reasonMax {
		s = strings.ToValidUTF8(s[:reasonMax], "") + "…"
	}
	return s
}
