// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

func TestNodesAreMachines(t *testing.T) {
	l := newLab(t, "ta", 3)
	n1, n2 := l.Node("n1"), l.Node("n2")
	startApp(t, n2)
	for net := range 3 {
		if !reaches(t, n1, n2, net) {
			t.Errorf("n1 does not reach n2 on network %d", net)
		}
	}
	script := `hostname; echo $(ls /run); cat /proc/1/comm; ls /sys/class/net; ls -d /sys/fs/cgroup; echo lost >&2; exit 3`
	out, err := n1.Run(t.Context(), "sh", "-c", script)
	if err == nil || !strings.Contains(err.Error(), "exit code 3: lost") {
		t.Errorf("error %v, want the exit code and the last line", err)
	}
	want := "n1\n\nexe\neth0\nlo\nrail1\nrail2\n/sys/fs/cgroup\nlost\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("inside n1 (-want +got):\n%s", diff)
	}
	if got := []string{n2.IP(0).String(), n2.Rail(1).String(), n2.Rail(2).String()}; !cmp.Equal(got, []string{"10.77.0.2", "10.77.1.2", "10.77.2.2"}) {
		t.Errorf("addresses %v", got)
	}
	if _, err := l.AddNode(t.Context(), "n1"); err == nil {
		t.Error("a second n1 was made")
	}
	if _, err := n1.Start(t.Context(), lab.Cmd{Name: "no-such-program"}); err == nil {
		t.Error("a missing program was started")
	}
}

func TestProcess(t *testing.T) {
	l := newLab(t, "tb", 1)
	n1 := l.Node("n1")
	p, err := n1.Start(t.Context(), lab.Cmd{
		Name: "sh", Args: []string{"-c", "trap 'echo $WORD; exit 7' TERM; echo up; while :; do sleep 0.01; done"},
		Env: []string{"WORD=bye"}, LogName: "sh.log",
	})
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(n1.Dir(), "sh.log")
	eventually(t, "the process is up", func() bool { return strings.Contains(read(t, log), "up") })
	status := read(t, "/proc/"+strconv.Itoa(p.HostPID())+"/status")
	if !strings.Contains(status, "NSpid:\t"+strconv.Itoa(p.HostPID())+"\t"+strconv.Itoa(p.PID())+"\n") {
		t.Errorf("pid %d on the host is not pid %d in the node:\n%s", p.HostPID(), p.PID(), status)
	}
	if _, err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait(t.Context())
	if err != nil || exit.Code != 7 || exit.Ok() || !strings.Contains(read(t, log), "bye") {
		t.Errorf("%v, %v, log %q; want exit code 7 and a bye", exit, err, read(t, log))
	}
	if _, err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal after the end: %v", err)
	}
	if _, err := p.Kill(); err != nil {
		t.Errorf("kill after the end: %v", err)
	}

	p, err = n1.Start(t.Context(), lab.Cmd{Name: "sleep", Args: []string{"1000"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(t.Context()); err != nil || exit.Signal != syscall.SIGKILL {
		t.Errorf("%v, %v, want killed", exit, err)
	}
	// Orphans are reaped: a node never fills with zombies.
	if _, err := n1.Run(t.Context(), "sh", "-c", "(sleep 0.01 &) ; exit 0"); err != nil {
		t.Error(err)
	}
	eventually(t, "no zombie is left", func() bool {
		out, err := n1.Run(t.Context(), "sh", "-c", "cat /proc/[0-9]*/stat")
		return err == nil && !bytes.Contains(out, []byte(") Z "))
	})
}

func TestPowerCycle(t *testing.T) {
	l := newLab(t, "tc", 2)
	n1, n2 := l.Node("n1"), l.Node("n2")
	p := startApp(t, n2)
	if _, err := n2.Run(t.Context(), "sh", "-c", "echo 1 > /run/left && ip addr add 10.77.0.200/24 dev eth0"); err != nil {
		t.Fatal(err)
	}
	at, err := l.PowerOff(n2)
	if err != nil || at.IsZero() {
		t.Fatal(at, err)
	}
	if exit, err := p.Wait(t.Context()); err != nil || exit.Signal != syscall.SIGKILL {
		t.Errorf("%v, %v: want the process killed with its node", exit, err)
	}
	if reaches(t, n1, n2, 0) || n2.PoweredOn() || n2.InitPID() != 0 {
		t.Error("n2 is alive without power")
	}
	if _, err := n2.Start(t.Context(), lab.Cmd{Name: "true"}); !errors.Is(err, lab.ErrPoweredOff) {
		t.Errorf("start without power: %v", err)
	}
	if _, err := n2.Dial(t.Context(), "tcp", "10.77.0.1:1"); !errors.Is(err, lab.ErrPoweredOff) {
		t.Errorf("dial without power: %v", err)
	}
	if _, err := l.PowerOff(n2); !errors.Is(err, lab.ErrPoweredOff) {
		t.Errorf("second power off: %v", err)
	}
	if _, err := l.HealAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.PowerOn(t.Context(), n2); err != nil {
		t.Fatal(err)
	}
	out, err := n2.Run(t.Context(), "sh", "-c", "ls /run; ip -o -4 addr show dev eth0 | wc -l")
	if err != nil || string(out) != "1\n" {
		t.Errorf("after the power cycle: %q, %v; want an empty /run and one address", out, err)
	}
	startApp(t, n2)
	if !reaches(t, n1, n2, 1) {
		t.Error("n2 is not reached after the power cycle")
	}
}

func TestOneLabPerName(t *testing.T) {
	l := newLab(t, "td", 1)
	if _, err := lab.New(t.Context(), lab.Options{Name: "td", Dir: t.TempDir()}); !errors.Is(err, lab.ErrAlive) {
		t.Errorf("second lab of the same name: %v", err)
	}
	if err := lab.Sweep("td"); !errors.Is(err, lab.ErrAlive) {
		t.Errorf("sweep of a living lab: %v", err)
	}
	other := newLab(t, "te", 2)
	startApp(t, other.Node("n1"))
	if !reaches(t, other.Node("n2"), other.Node("n1"), 0) || reaches(t, l.Node("n1"), other.Node("n1"), 0) {
		t.Error("two labs side by side are not apart")
	}
	for _, dir := range []string{l.Dir(), other.Dir()} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := errors.Join(l.Close(), other.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{l.Dir(), other.Dir()} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	if left := append(residue(t, "td"), residue(t, "te")...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := l.AddNode(t.Context(), "n9"); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("node in a closed lab: %v", err)
	}
	if _, err := l.HealAll(); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("heal in a closed lab: %v", err)
	}
}

func TestSweepAfterCrash(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "crash")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "crash", "tf", dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if got := len(processes(t, "/run/evenkeel-lab/tf/")); got < 6 {
		t.Fatalf("%d processes in the child's lab, want 6", got)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended well")
	}
	eventually(t, "all nodes die with the child", func() bool { return len(processes(t, "/run/evenkeel-lab/tf/")) == 0 })
	if len(residue(t, "tf")) == 0 {
		t.Fatal("nothing is left to sweep: the test proves nothing")
	}
	for range 2 {
		if err := lab.Sweep("tf"); err != nil {
			t.Fatal(err)
		}
	}
	if left := residue(t, "tf"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

func TestRunIsBounded(t *testing.T) {
	l := newLab(t, "tg", 1)
	n1 := l.Node("n1")
	out, err := n1.Run(t.Context(), "sh", "-c", "head -c 3000000 /dev/zero; sleep 1000 & exit 0")
	if err != nil || len(out) != 1<<20 {
		t.Errorf("%d bytes, %v; want 1 MiB in spite of the background process", len(out), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n1.Run(ctx, "sleep", "1000"); err == nil {
		t.Error("the end of the context did not end the command")
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
