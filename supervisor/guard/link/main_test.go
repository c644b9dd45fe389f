// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/dialogue"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/process"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

const (
	envRole   = "EVENKEEL_TEST_ROLE"
	envFolder = "EVENKEEL_TEST_FOLDER"
	envRight  = "EVENKEEL_TEST_RIGHT"
	// patience is how long tests wait for what comes in milliseconds on a machine that is not busy.
	patience = 30 * time.Second
	// beat is how often a supervisor of a test earns its right anew.
	beat = 20 * time.Millisecond
)

var vip = guard.Address{Prefix: netip.MustParsePrefix("10.0.0.100/24"), Interface: "eth0"}

// TestMain makes the test binary each of the programs that a test begins and kills.
func TestMain(m *testing.M) {
	role, k := os.Getenv(envRole), kernel{os.Getenv(envFolder)}
	switch role {
	case "guard":
		os.Exit(beGuard(k))
	case "supervisor":
		os.Exit(beSupervisor(k))
	case "foreigner":
		fmt.Fprintln(os.Stderr, beForeigner(k))
		os.Exit(1)
	case "failure":
		os.Exit(7)
	default:
		os.Exit(m.Run())
	}
}

func socket(k kernel) string { return filepath.Join(k.folder, "s") }

func beGuard(k kernel) int {
	lacks := process.Harden()
	log := process.NewLog(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	err := process.Run(ctx, process.Options{
		Socket: socket(k), Version: "test", Hands: k, Gate: k, Lacks: lacks,
		Log: zerolog.New(log).With().Int("guard", os.Getpid()).Logger(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if log.Close() != nil || err != nil {
		return 1
	}
	return 0
}

// beSupervisor holds the address for as long as the file "authority" is there, and lays its reports down beside it.
func beSupervisor(k kernel) int {
	right, err := time.ParseDuration(os.Getenv(envRight))
	if err != nil {
		return 2
	}
	if err := os.Setenv(envRole, "guard"); err != nil {
		return 2
	}
	l := New(Options{
		Socket: socket(k), Command: []string{"/proc/self/exe"},
		Log: zerolog.New(os.Stderr).With().Int("supervisor", os.Getpid()).Logger(),
		Report: func(r Report) {
			if err := tell(k, r); err != nil {
				panic(err)
			}
		},
	})
	go func() {
		var want dialogue.Wanted
		for range time.Tick(beat) {
			if _, err := os.Stat(filepath.Join(k.folder, "authority")); err != nil {
				continue
			}
			until := bootclock.Now().Add(right)
			k.note("want", "-", until)
			want = want.Next(dialogue.Want{Units: []guard.Unit{{Resource: "vip", Epoch: 1, Addresses: []guard.Address{vip}}}, Until: until})
			l.Want(want)
		}
	}()
	if err := l.Run(context.Background()); err != nil {
		return 1
	}
	return 0
}

type told struct {
	By        int // the supervisor
	Connected bool
	Guard     int // the guard
	Held      bool
	Status    guard.Status
}

func tell(k kernel, r Report) error {
	content, err := json.Marshal(told{os.Getpid(), r.Connected, r.Guard.PID, r.Status.Holds("vip", 1), r.Status})
	if err != nil {
		return err
	}
	fresh := filepath.Join(k.folder, "report.fresh"+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(k.folder, "report"))
}

// beForeigner is a guard of another protocol.
func beForeigner(k kernel) error {
	l, err := net.Listen("unix", socket(k))
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if err := wire.Guard(c).Send(wire.FromGuard{Hello: &wire.Hello{Protocol: wire.Protocol + 1}}); err != nil {
			return err
		}
	}
}

// stage is a made-up machine, and the processes that a test begins on it.
type stage struct {
	kernel
	t     *testing.T
	right time.Duration
}

func newStage(t *testing.T, right time.Duration) *stage {
	t.Helper()
	s := &stage{kernel: kernel{t.TempDir()}, t: t, right: right}
	s.grant()
	t.Cleanup(func() {
		// Whatever guard is there was begun by a process that was killed.
		for _, pid := range s.guards() {
			s.signal(pid, unix.SIGKILL)
		}
		if t.Failed() {
			t.Log(s.log())
		}
	})
	return s
}

func (s *stage) grant() {
	if err := os.WriteFile(filepath.Join(s.folder, "authority"), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) withdraw() {
	if err := os.Remove(filepath.Join(s.folder, "authority")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) log() string {
	content, err := os.ReadFile(filepath.Join(s.folder, "log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// begin begins a program in a role.
func (s *stage) begin(role string) *exec.Cmd {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+role, envFolder+"="+s.folder, envRight+"="+s.right.String())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.kill(cmd) })
	return cmd
}

func (s *stage) kill(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func (s *stage) signal(pid int, sig unix.Signal) {
	s.t.Helper()
	if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
		s.t.Errorf("signal %s to %d: %v", sig, pid, err)
	}
}

// guards lists the guards of this stage that live.
func (s *stage) guards() []int {
	var found []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err == nil && strings.Contains(string(env), envFolder+"="+s.folder+"\x00") && strings.Contains(string(env), envRole+"=guard\x00") {
			found = append(found, pid)
		}
	}
	return found
}

func (s *stage) report() told {
	var r told
	content, err := os.ReadFile(filepath.Join(s.folder, "report"))
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		return told{}
	}
	return r
}

func (s *stage) eventually(what string, cond func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("it never came about that %s; last report: %+v", what, s.report())
		}
	}
}

// heldBy waits until a supervisor hears that the address is held, and returns by which guard.
func (s *stage) heldBy(supervisor *exec.Cmd) int {
	s.t.Helper()
	s.eventually("the address is held", func() bool {
		r := s.report()
		return r.By == supervisor.Process.Pid && r.Connected && r.Held && s.serves(vip)
	})
	return s.report().Guard
}

// always looks whether the address serves until the test stops it, and then tells how often it did not.
func (s *stage) always() (stop func()) {
	s.t.Helper()
	over, done := make(chan struct{}), make(chan int)
	go func() {
		gaps := 0
		for {
			select {
			case <-over:
				done <- gaps
				return
			case <-time.After(time.Millisecond):
				if !s.serves(vip) {
					gaps++
				}
			}
		}
	}()
	return func() {
		s.t.Helper()
		close(over)
		if gaps := <-done; gaps > 0 {
			s.t.Errorf("the address was found not to serve %d times", gaps)
		}
	}
}

// entry is a line of the journal.
type entry struct {
	when   guard.Instant
	pid    int
	what   string
	where  string
	moment guard.Instant
}

func (s *stage) journal() []entry {
	s.t.Helper()
	f, err := os.Open(filepath.Join(s.folder, "journal"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	var all []entry
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e entry
		if _, err := fmt.Sscan(lines.Text(), &e.when, &e.pid, &e.what, &e.where, &e.moment); err != nil {
			s.t.Fatalf("%q: %v", lines.Text(), err)
		}
		all = append(all, e)
	}
	return all
}

// count counts the acts of a name from a moment on.
func (s *stage) count(what string, from guard.Instant) int {
	n := 0
	for _, e := range s.journal() {
		if e.what == what && e.when >= from {
			n++
		}
	}
	return n
}

// check holds every act and every gate against what the supervisors had a right to at that moment.
func (s *stage) check() {
	s.t.Helper()
	var until guard.Instant
	for _, e := range s.journal() {
		switch e.what {
		case "want":
			until = max(until, e.moment)
		case "probe", "add", "refresh", "announce":
			if e.when >= until {
				s.t.Errorf("%s %s after the deadline", e.what, e.when.Sub(until))
			}
		case "gate":
			if e.moment > until {
				s.t.Errorf("a gate is open for %s longer than there is a right", e.moment.Sub(until))
			}
		}
	}
}
