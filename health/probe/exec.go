// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// maxOutput is how many bytes of a command's output are kept.
const maxOutput = 4 << 10

// maxReason is how many bytes of it become the reason.
const maxReason = 200

// execGrace is how long a command's output is awaited after the command itself has ended: something that it left
// behind may hold the pipe open.
const execGrace = 200 * time.Millisecond

// execPath is the PATH of a command.
const execPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// execProber runs a command in a process group of its own.
type execProber struct {
	spec Exec
}

func (p execProber) once(ctx context.Context) outcome {
	var out cappedBuffer
	cmd := exec.CommandContext(ctx, p.spec.Command[0], p.spec.Command[1:]...)
	cmd.Env = append([]string{execPath, "LC_ALL=C"}, p.spec.Env...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = execGrace
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		// The group is not empty, or the pipe would be closed: its number cannot belong to another one yet.
		err = errors.Join(fmt.Errorf("left processes behind that hold its output: %w", err), killGroup(cmd))
	}
	said := out.summary()
	switch {
	case err == nil:
		return outcome{ok: true, reason: said}
	case said == "":
		return outcome{reason: err.Error()}
	default:
		return outcome{reason: fmt.Sprintf("%v: %s", err, said)}
	}
}

// killGroup ends a command and all that it started. That none is left is no error.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}

	return err
}

// cappedBuffer keeps the beginning of what is written to it. The rest is taken and dropped, so that a chatty command
// is not blocked.
type cappedBuffer struct {
	kept []byte
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	room := maxOutput - len(b.kept)
	b.kept = append(b.kept, p[:min(room, len(p))]...)

	return len(p), nil
}

// summary makes one printable line of the output.
func (b *cappedBuffer) summary() string {
	words := bytes.Fields(b.kept)
	text := strings.ToValidUTF8(string(bytes.Join(words, []byte(" "))), "?")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}

		return r
	}, text)
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}

	return text
}
