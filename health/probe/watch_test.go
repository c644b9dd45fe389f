// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/health"
)

// watchedSpec is a TCP check that polls so seldom that only hints matter.
func watchedSpec(c *child, w Watch) Spec {
	return Spec{
		Name: "app", Address: "127.0.0.1", Port: c.port, TCP: &TCP{}, Interval: never, Timeout: 5 * time.Second,
		Judge: easy, Watch: &w,
	}
}

func TestKillIsSeenByConnection(t *testing.T) {
	c := startChild(t, 0)
	spec := watchedSpec(c, Watch{Connection: true})
	changes := launch(t, spec)
	expect(t, changes, health.Up)
	// The check may be up before the watched connection is open.
	waitConnections(t, c.port, 1)
	c.kill()
	down := expect(t, changes, health.Down)
	if !strings.HasPrefix(down.Reason, "proven: connection refused by 127.0.0.1:") {
		t.Errorf("reason %q", down.Reason)
	}
}

// waitConnections waits until that many connections to a port are established.
func waitConnections(t testing.TB, port, want int) {
	t.Helper()
	eventually(t, "a connection is kept open", func() bool { return connections(t, port) >= want })
}

// connections counts the established connections to a port.
func connections(t testing.TB, port int) int {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}

	return strings.Count(string(table), fmt.Sprintf(":%04X 01 ", port)) // the remote end, then ESTABLISHED
}

func TestKillIsSeenByProcess(t *testing.T) {
	c := startChild(t, 0)
	changes := launch(t, watchedSpec(c, Watch{PIDFile: c.pidFile}))
	expect(t, changes, health.Up)
	waitPidfd(t, c.cmd.Process.Pid)
	c.kill()
	down := expect(t, changes, health.Down)
	if want := fmt.Sprintf("after process %d ended", c.cmd.Process.Pid); !strings.HasSuffix(down.Reason, want) {
		t.Errorf("reason %q, want suffix %q", down.Reason, want)
	}
}

// waitPidfd waits until this process holds a pidfd of another.
func waitPidfd(t testing.TB, pid int) {
	t.Helper()
	mark := fmt.Sprintf("\nPid:\t%d\n", pid)
	eventually(t, "the process is watched", func() bool {
		entries, err := os.ReadDir("/proc/self/fdinfo")
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, e := range entries {
			// One that was closed meanwhile is not the one we look for.
			if info, err := os.ReadFile("/proc/self/fdinfo/" + e.Name()); err == nil && strings.Contains(string(info), mark) {
				held++
			}
		}
		// os/exec holds one itself.
		return held >= 2
	})
}

// TestRestartIsFollowed kills an application twice. The file is written anew by the second one.
func TestRestartIsFollowed(t *testing.T) {
	c := startChild(t, 0)
	spec := watchedSpec(c, Watch{PIDFile: c.pidFile, Connection: true})
	spec.Interval = 50 * time.Millisecond
	changes := launch(t, spec)
	for range 2 {
		expect(t, changes, health.Up)
		waitPidfd(t, c.cmd.Process.Pid)
		c.kill()
		expect(t, changes, health.Down)
		port, file := c.port, c.pidFile
		c = startChild(t, port)
		if err := os.Rename(c.pidFile, file); err != nil {
			t.Fatal(err)
		}
		c.pidFile = file
	}
	expect(t, changes, health.Up)
}

// TestExecIsProvenByProcess says that a failing command after the end of the process needs no second failure.
func TestExecIsProvenByProcess(t *testing.T) {
	c := startChild(t, 0)
	spec := watchedSpec(c, Watch{PIDFile: c.pidFile})
	spec.TCP, spec.Exec = nil, &Exec{Command: []string{"/bin/sh", "-c", "kill -0 $(cat " + c.pidFile + ")"}}
	changes := launch(t, spec)
	expect(t, changes, health.Up)
	waitPidfd(t, c.cmd.Process.Pid)
	c.kill()
	down := expect(t, changes, health.Down)
	if !strings.HasPrefix(down.Reason, "proven: ") {
		t.Errorf("reason %q", down.Reason)
	}
}

// TestStaleFile begins with a file that names a process which is gone, while something else answers on the port: the
// hint is tried, and the answer counts.
func TestStaleFile(t *testing.T) {
	gone, c := startChild(t, 0), startChild(t, 0)
	gone.kill()
	spec := watchedSpec(c, Watch{PIDFile: gone.pidFile})
	spec.Interval = 20 * time.Millisecond
	changes := launch(t, spec)
	expect(t, changes, health.Up)
	select {
	case c := <-changes:
		t.Errorf("%s -> %s: %s", c.From, c.To, c.Reason)
	case <-time.After(200 * time.Millisecond):
	}
}

// TestReusedNumber says that a process which is younger than the file that names it is not taken for the application.
func TestReusedNumber(t *testing.T) {
	c := startChild(t, 0)
	if err := olderThan(c.cmd.Process.Pid, time.Now()); err != nil {
		t.Errorf("a process that is older than its file: %v", err)
	}
	err := olderThan(c.cmd.Process.Pid, time.Now().Add(-time.Hour))
	if err == nil || !strings.Contains(err.Error(), "its number was used again") {
		t.Errorf("a process that is younger than its file: %v", err)
	}
}

// TestIdleClosersStayUp watches servers that close idle connections: at once, and after a while. Nothing changes, and
// the connection is opened again and again.
func TestIdleClosersStayUp(t *testing.T) {
	for name, idle := range map[string]time.Duration{"at once": 0, "after a while": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			var accepted atomic.Int64
			served := make(chan struct{})
			go func() {
				defer close(served)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					accepted.Add(1)
					time.Sleep(idle)
					_ = conn.Close()
				}
			}()
			t.Cleanup(func() { _ = l.Close(); <-served })
			spec := Spec{
				Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TCP: &TCP{}, Interval: never,
				Timeout: 5 * time.Second, Judge: health.JudgeParams{Rise: 1, Fall: 1}, Watch: &Watch{Connection: true},
			}
			changes := launch(t, spec)
			expect(t, changes, health.Up)
			eventually(t, "the connection is opened again", func() bool { return accepted.Load() >= 10 })
			select {
			case c := <-changes:
				t.Errorf("%s -> %s: %s", c.From, c.To, c.Reason)
			default:
			}
		})
	}
}

// TestRefusedAfterSilence has an application die slowly: its connection ends, then nothing is answered, then it is gone.
// That is a hint, although the last attempt before was not open.
func TestRefusedAfterSilence(t *testing.T) {
	l := listen(t)
	hints, told := make(chan hint, maxHints), make(chan bool, 1)
	w := &connWatcher{target: l.Addr().String(), timeout: 50 * time.Millisecond, hints: hints, quiet: told}
	tell(told, false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	watched, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fillBacklog(t, l)
	expectHint := func(want string) {
		t.Helper()
		select {
		case h := <-hints:
			if !strings.Contains(h.reason, want) {
				t.Errorf("hint %q, want …%s…", h.reason, want)
			}
		case <-time.After(patience):
			t.Errorf("no hint …%s…", want)
		}
	}
	if err := watched.Close(); err != nil {
		t.Error(err)
	}
	expectHint("was closed")
	time.Sleep(300 * time.Millisecond) // attempts that are not answered
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	expectHint("are refused where one was open before")
}

// fillBacklog makes a listener answer nobody any more.
func fillBacklog(t *testing.T, l net.Listener) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = unix.Listen(int(fd), 0) }); err != nil || failure != nil {
		t.Fatal(err, failure)
	}
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	for range 10 {
		conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the backlog takes everything")
}

func TestParsePID(t *testing.T) {
	for text, want := range map[string]int{"12\n": 12, " 7 nginx": 7, "2147483647": 2147483647} {
		if got, err := parsePID([]byte(text)); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " \n", "x", "0", "-1", "2147483648", "1x"} {
		if got, err := parsePID([]byte(text)); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestStartTime(t *testing.T) {
	// A name with blanks and brackets, as proc_pid_stat(5) warns.
	stat := "812 (a) (b c) S 1 812 812 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1"
	if got, err := startTime([]byte(stat)); got != 42420*time.Millisecond || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "812 (a) S 1", strings.Replace(stat, "4242", "-1", 1), strings.Replace(stat, "4242", "x", 1)} {
		if got, err := startTime([]byte(bad)); err == nil {
			t.Errorf("%q: %s", bad, got)
		}
	}
}

// BenchmarkKillToReport measures the time from the death of an application to the report, by hint.
func BenchmarkKillToReport(b *testing.B) {
	for name, watch := range map[string]func(*child) Watch{
		"connection": func(*child) Watch { return Watch{Connection: true} },
		"process":    func(c *child) Watch { return Watch{PIDFile: c.pidFile} },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c := startChild(b, 0)
				w := watch(c)
				s := NewSet(nil, quiet())
				changes := make(chan health.Change, 10)
				s.report = func(_ string, c health.Change) { changes <- c }
				if err := s.Replace(b.Context(), map[string]Spec{"app": watchedSpec(c, w)}); err != nil {
					b.Fatal(err)
				}
				expect(b, changes, health.Up)
				if w.Connection {
					waitConnections(b, c.port, 1)
				} else {
					waitPidfd(b, c.cmd.Process.Pid)
				}
				time.Sleep(50 * time.Millisecond) // idle, as in life
				b.StartTimer()
				if err := c.cmd.Process.Kill(); err != nil {
					b.Fatal(err)
				}
				expect(b, changes, health.Down)
				b.StopTimer()
				s.Close()
				c.kill()
				b.StartTimer()
			}
		})
	}
}
