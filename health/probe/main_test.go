// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel/health"
)

// childEnv makes the test binary an application instead of a test.
const childEnv = "EVENKEEL_PROBE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(serveAsChild(os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

// serveAsChild accepts connections and answers nothing until its input ends, which it does with its parent at the
// latest. It says on which address it listens.
func serveAsChild(out io.Writer) int {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", os.Getenv(childEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return 1
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)

	return 0
}

// child is an application in a process of its own.
type child struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	port    int
	pidFile string
}

// startChild starts an application on the port, zero for any.
func startChild(t testing.TB, port int) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.CommandContext(t.Context(), self), pidFile: filepath.Join(t.TempDir(), "app.pid")}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=127.0.0.1:%d", childEnv, port))
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	text, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr, err := net.ResolveTCPAddr("tcp", strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	c.port = addr.Port
	if err := os.WriteFile(c.pidFile, fmt.Appendf(nil, "%d\n", c.cmd.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}

	return c
}

// kill ends the application as the kernel does it to one that eats too much memory. It may be called more than once.
func (c *child) kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL)
	_ = c.cmd.Wait()
}

// listen opens a port that accepts on its own, until the test ends.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })

	return l
}

// patience bounds waiting for what must happen. It is no measure of speed.
const patience = 30 * time.Second

// never is an interval that does not come in a test: what happens before it does so by a hint.
const never = time.Hour

// easy is a judge that needs three failures, so that only proof brings a check down at once.
var easy = health.JudgeParams{Rise: 1, Fall: 3}

// expect waits for the next change and compares it.
func expect(t testing.TB, changes <-chan health.Change, want health.Condition) health.Change {
	t.Helper()
	select {
	case c := <-changes:
		if c.To != want {
			t.Fatalf("%s -> %s: %s; want %s", c.From, c.To, c.Reason, want)
		}
		return c
	case <-time.After(patience):
		t.Fatalf("no change to %s", want)
		return health.Change{}
	}
}

// launch runs a check until the test ends.
func launch(t testing.TB, spec Spec, options ...Option) <-chan health.Change {
	t.Helper()
	changes := make(chan health.Change, 100)
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- Run(ctx, spec, func(c health.Change) { changes <- c }, options...) }()
	t.Cleanup(func() { // t.Context ends right before
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})

	return changes
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after %s: %s", patience, what)
		}
	}
}
