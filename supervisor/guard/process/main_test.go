// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

const (
	envRole   = "EVENKEEL_TEST_ROLE"
	envSocket = "EVENKEEL_TEST_SOCKET"
)

// TestMain makes the test binary a guard, or somebody who wants to speak to one, when a test begins it as such.
func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "guard":
		os.Exit(beGuard())
	case "caller":
		os.Exit(beCaller())
	default:
		os.Exit(m.Run())
	}
}

func beGuard() int {
	lacks := Harden()
	log := NewLog(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	k := newKernel()
	err := Run(ctx, Options{Socket: os.Getenv(envSocket), Hands: k, Gate: k, Lacks: lacks, Log: zerolog.New(log)})
	if err := log.Close(); err != nil {
		return 3
	}
	if err != nil {
		return 1
	}
	return 0
}

// beCaller tells how many bytes the guard says to it.
func beCaller() int {
	c, err := net.Dial("unix", os.Getenv(envSocket))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 1
	}
	n, err := c.Read(make([]byte, 1))
	fmt.Println(n, err)
	return 0
}

// begin begins a guard in a process of its own.
func begin(t testing.TB) (*started, *os.Process) {
	t.Helper()
	s := &started{socket: filepath.Join(t.TempDir(), "s")}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"=guard", envSocket+"="+s.socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.ended = make(chan error, 1)
	go func() { s.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if cmd.Process.Kill() != nil {
			return // the test has seen it end
		}
		if err := <-s.ended; err == nil {
			t.Error("it was killed and ends well")
		}
	})
	return s, cmd.Process
}

// TestBudget holds as much as a busy node has, for as long as it takes to send a thousand heartbeats, and then looks at what the
// process has of its own: anonymous memory. Pages of the program do not count, since they are shared with the supervisor, which
// runs the same program.
func TestBudget(t *testing.T) {
	g, process := begin(t)
	v := g.connect(t)
	var addresses []guard.Address
	for i := range 16 {
		addresses = append(addresses, at("10.0.0."+strconv.Itoa(100+i)+"/24"))
	}
	v.order(time.Minute, addresses...)
	v.await("they are held", held)
	for range 1000 {
		v.say(wire.ToGuard{Extend: &guard.Extend{Until: bootclock.Now().Add(time.Minute)}})
	}
	v.order(time.Minute, addresses...)
	v.await("they are held still", held)
	for _, lack := range v.hello.Lacks {
		t.Logf("not permitted here: %s", lack)
	}
	const budget = 12 << 10 // kB
	own := procField(t, process.Pid, "smaps_rollup", "Anonymous")
	t.Logf("own %d kB, proportional %d kB, resident %d kB, locked %d kB", own, procField(t, process.Pid, "smaps_rollup", "Pss"),
		procField(t, process.Pid, "smaps_rollup", "Rss"), procField(t, process.Pid, "smaps_rollup", "Locked"))
	if own > budget && !raced() {
		t.Errorf("the guard has %d kB of its own, more than %d", own, budget)
	}
}

// BenchmarkTakeAndRelease is what a process of its own takes from an order to the report that the address is held, and from the
// next order to the report that it is gone. Its hands take no time, nor does its probe.
func BenchmarkTakeAndRelease(b *testing.B) {
	g, _ := begin(b)
	v := g.connect(b)
	for b.Loop() {
		v.order(time.Minute, vip)
		v.await("it is held", held)
		v.order(time.Minute)
		v.await("it is gone", func(s guard.Status) bool { return s.Gone("vip") })
	}
}

// raced tells whether the race detector is in the program, which has some ten megabytes of its own.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// TestHardened looks at the process from outside.
func TestHardened(t *testing.T) {
	g, process := begin(t)
	v := g.connect(t)
	lacks := strings.Join(v.hello.Lacks, "\n")
	t.Logf("lacks: %q", lacks)
	if strings.Contains(lacks, "locked") == (procField(t, process.Pid, "status", "VmLck") > 0) {
		t.Error("it does not say whether its memory is locked")
	}
	if !strings.Contains(lacks, "real-time") {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				t.Fatal(err)
			}
			attr, err := unix.SchedGetAttr(tid, 0)
			if err == nil && attr.Policy != unix.SCHED_RR {
				t.Errorf("thread %d has policy %d", tid, attr.Policy)
			}
		}
	}
	if !strings.Contains(lacks, "kill it when memory") {
		score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", process.Pid))
		if err != nil || strings.TrimSpace(string(score)) != "-1000" {
			t.Errorf("its score is %q: %v", score, err)
		}
	}
	for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGPIPE} {
		if err := process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	v.order(time.Minute, vip)
	v.await("it is held", held)
	if err := process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	v.await("all is let go", func(s guard.Status) bool { return s.Gone("vip") })
	if err := <-g.ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}

// TestOtherUsersAreRefused has another user connect, where the file system lets it.
func TestOtherUsersAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	folder := t.TempDir()
	program := filepath.Join(folder, "caller")
	copyFile(t, os.Args[0], program)
	g := start(t, newKernel())
	socket := filepath.Join(folder, "s")
	for path, mode := range map[string]os.FileMode{filepath.Dir(folder): 0o755, folder: 0o755, g.socket: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(g.socket, socket); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[uint32]string{0: "1 <nil>", 65534: "0 EOF"} {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), envRole+"=caller", envSocket+"="+socket)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("user %d hears %q, want %q (%v)", user, out, want, err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// procField reads a line of a file below /proc, in kB.
func procField(t *testing.T, pid int, file, name string) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no %s in %s", name, file)
	return 0
}
