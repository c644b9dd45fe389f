// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// childEnv makes the test binary a supervisor that has a program run, instead of a test.
const childEnv = "EVENKEEL_MOVER_CHILD"

func TestMain(m *testing.M) {
	program := os.Getenv(childEnv)
	if program == "" {
		goleak.VerifyTestMain(m)
		return
	}
	s := New(Options{Log: zerolog.Nop(), Report: func(Report) {}})
	s.Want(Want{
		Units: []Unit{{Resource: "web", Epoch: 1, Command: []string{program}}},
		Since: time.Now(), Until: time.Now().Add(time.Hour),
	})
	if err := s.Run(context.Background()); err != nil {
		os.Exit(1)
	}
}

// patience is how long anything is waited for. What a test is about takes far less.
const patience = 30 * time.Second

// bench is a mover that runs, with a command that is a shell script.
type bench struct {
	*Mover
	dir  string
	stop context.CancelFunc
	over chan struct{} // closed when Run has returned

	mu   sync.Mutex
	last Report
}

// start runs a mover. The script has its folder in $D.
func start(t *testing.T, script string) (*bench, Unit) {
	t.Helper()
	b := &bench{dir: t.TempDir(), over: make(chan struct{})}
	b.Mover = New(Options{Node: "n1", Log: zerolog.New(zerolog.NewTestWriter(t)), Report: func(r Report) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.last = r
	}})
	program := filepath.Join(b.dir, "move")
	text := "#!/bin/sh\nD=" + b.dir + "\n" + script + "\n"
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() {
		defer close(b.over)
		if err := b.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(b.end)
	return b, Unit{
		Resource: "web", Epoch: 3, Interface: "eth0", Command: []string{program},
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.100/24"), netip.MustParsePrefix("2001:db8::100/64")},
	}
}

// wants tells the mover what is wanted, with a right of an hour.
func (b *bench) wants(units ...Unit) {
	b.Want(Want{Units: units, Since: time.Now(), Until: time.Now().Add(time.Hour)})
}

func (b *bench) end() {
	b.stop()
	<-b.over
}

func (b *bench) state(s State) func() bool {
	return func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.last.Units) == 1 && b.last.Units[0].State == s
	}
}

func (b *bench) reason() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.last.Units) == 0 {
		return ""
	}
	return b.last.Units[0].Reason
}

// read returns the lines of a file in the folder; none if it is not there.
func (b *bench) read(name string) []string {
	content, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil || len(content) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

func (b *bench) has(name string, lines int) func() bool {
	return func() bool { return len(b.read(name)) >= lines }
}

// pid returns the number of a process that wrote it to a file.
func (b *bench) pid(t *testing.T, name string) int {
	t.Helper()
	await(t, "the number of "+name, b.has(name, 1))
	pid, err := strconv.Atoi(b.read(name)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// dead tells whether a process is no more; one that nobody has waited for yet is.
func dead(pid int) func() bool {
	return func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}
}

// record has a script write down what it was asked.
const record = `echo "$1" >> $D/asked`

func TestAssignIsToldWhatItNeeds(t *testing.T) {
	b, u := start(t, `printf '%s\n' "$@" > $D/args; pwd > $D/pwd; env | sort > $D/env; wc -c > $D/stdin`)
	u.Command = append(u.Command, "--project", `a b $HOME; touch $D/shell`)
	b.wants(u)
	await(t, "held", b.state(Held))
	env := slices.DeleteFunc(b.read("env"), func(s string) bool { return strings.HasPrefix(s, "PWD=") || strings.HasPrefix(s, "_=") })
	if diff := cmp.Diff([]string{
		"EVENKEEL_ADDRESS=10.0.0.100 2001:db8::100", "EVENKEEL_EPOCH=3", "EVENKEEL_INTERFACE=eth0", "EVENKEEL_NODE=n1",
		"EVENKEEL_PREFIX=24 64", "EVENKEEL_RESOURCE=web", "LC_ALL=C", path,
	}, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"--project", `a b $HOME; touch $D/shell`, "assign"}, b.read("args")); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if !slices.Equal(b.read("stdin"), []string{"0"}) || !slices.Equal(b.read("pwd"), []string{"/"}) {
		t.Errorf("%v bytes of input, in %v", b.read("stdin"), b.read("pwd"))
	}
}

func TestTroubleSaysTheLastLineAndIsTriedAgain(t *testing.T) {
	b, u := start(t, `[ -e $D/good ] && exit 0
		seq 1 100000 >&2; echo on stdout; printf 'api: \033[31mquota exceeded\n\n' >&2; exit 7`)
	b.wants(u)
	await(t, "trouble", b.state(Trouble))
	if want := "assign: exit status 7: api:  [31mquota exceeded"; b.reason() != want {
		t.Errorf("reason %q, want %q", b.reason(), want)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "good"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "held", b.state(Held))
}

func TestProgramThatIsNotThere(t *testing.T) {
	b, u := start(t, "")
	u.Command = []string{filepath.Join(b.dir, "nothing")}
	b.wants(u)
	await(t, "trouble", b.state(Trouble))
	if !strings.Contains(b.reason(), "no such file or directory") {
		t.Errorf("reason %q", b.reason())
	}
}

func TestWhoeverTookItIsAnswered(t *testing.T) {
	b, u := start(t, record+`; [ "$1" = assign ] && touch $D/ours; test -e $D/ours`)
	u.Every = 20 * time.Millisecond
	b.wants(u)
	await(t, "checks", b.has("asked", 4))
	if err := os.Remove(filepath.Join(b.dir, "ours")); err != nil {
		t.Fatal(err)
	}
	await(t, "an assign", func() bool {
		asked := b.read("asked")
		return len(asked) > 4 && slices.Contains(asked[1:], "assign")
	})
	await(t, "held", b.state(Held))
}

func TestHangingCommandIsKilledWithAllItBegan(t *testing.T) {
	b, u := start(t, `sleep 1000 & echo $! > $D/child; echo $$ > $D/self; echo asking >&2; wait`)
	u.Timeout = 300 * time.Millisecond
	b.wants(u)
	self, child := b.pid(t, "self"), b.pid(t, "child")
	await(t, "trouble", b.state(Trouble))
	await(t, "the end of both", func() bool { return dead(self)() && dead(child)() })
	await(t, "the reason", func() bool { return strings.HasPrefix(b.reason(), "assign: it took longer than 300ms") })
}

func TestNothingIsLeftOfACommand(t *testing.T) {
	b, u := start(t, `sleep 1000 & echo $! > $D/child; exit 0`)
	b.wants(u)
	await(t, "held", b.state(Held))
	await(t, "the end of what it left", dead(b.pid(t, "child")))
}

func TestWhatLeavesTheGroupIsNoSuccess(t *testing.T) {
	b, u := start(t, `[ -e $D/child ] && exit 1; setsid sh -c 'echo $$ > '$D'/child; exec sleep 1000' & while ! [ -s $D/child ]; do sleep 0.01; done; exit 0`)
	t.Cleanup(func() { _ = syscall.Kill(b.pid(t, "child"), syscall.SIGKILL) })
	b.wants(u)
	await(t, "trouble", func() bool { return b.reason() == "assign: it left processes behind that hold its output" })
}

func TestDeadlineKills(t *testing.T) {
	b, u := start(t, `echo "$EVENKEEL_RESOURCE $1" >> $D/asked; [ "$EVENKEEL_RESOURCE" = web ] || exit 0
		sleep 1000 & echo $! > $D/child; wait`)
	b.wants(u)
	child := b.pid(t, "child")
	b.Until(time.Now(), time.Now().Add(50*time.Millisecond))
	await(t, "the end", dead(child))
	await(t, "the report", func() bool { return b.state(Taking)() && b.reason() == noRight })
	u.Resource, u.Every, u.Addresses = "other", 10*time.Millisecond, u.Addresses[:1]
	b.wants(u)
	await(t, "a check, which comes after any release", b.has("asked", 3))
	if diff := cmp.Diff([]string{"web assign", "other assign", "other check"}, b.read("asked")[:3]); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestNothingBeginsWithoutRight(t *testing.T) {
	b, u := start(t, record)
	b.Want(Want{Units: []Unit{u}})
	await(t, "the report", func() bool { return b.state(Taking)() && b.reason() == noRight })
	if asked := b.read("asked"); asked != nil {
		t.Fatalf("asked %q", asked)
	}
	b.Until(time.Now(), time.Now().Add(time.Hour))
	await(t, "held", b.state(Held))
}

func TestRecalledIsReleased(t *testing.T) {
	b, u := start(t, record+`; echo "$EVENKEEL_ADDRESS" >> $D/addresses`)
	b.wants(u)
	await(t, "held", b.state(Held))
	b.wants()
	await(t, "the release", b.has("addresses", 2))
	if diff := cmp.Diff([]string{"assign", "release"}, b.read("asked")); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestRecalledWhileItIsTaken(t *testing.T) {
	b, u := start(t, record+`; [ "$1" = release ] && exit 0; echo $$ > $D/self; exec sleep 1000`)
	b.wants(u)
	self := b.pid(t, "self")
	b.wants()
	await(t, "the release", b.has("asked", 2))
	if !dead(self)() {
		t.Error("it was released while it was taken")
	}
}

func TestResourcesGoSideBySide(t *testing.T) {
	b, u := start(t, `[ "$EVENKEEL_RESOURCE" = web ] && exec sleep 1000; touch $D/other`)
	other := u
	other.Resource, other.Addresses = "other", []netip.Prefix{netip.MustParsePrefix("10.0.0.101/24")}
	b.wants(u, other)
	await(t, "the other one", func() bool { _, err := os.Stat(filepath.Join(b.dir, "other")); return err == nil })
}

func TestEndKillsAndReleasesNothing(t *testing.T) {
	b, u := start(t, record+`; sleep 1000 & echo $! > $D/child; wait`)
	b.wants(u)
	child := b.pid(t, "child")
	b.end()
	await(t, "the end", dead(child))
	if diff := cmp.Diff([]string{"assign"}, b.read("asked")); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestSupervisorTakesItsCommandAlong: the program does not outlive a supervisor that is killed.
func TestSupervisorTakesItsCommandAlong(t *testing.T) {
	b, u := start(t, `echo $$ > $D/self; exec sleep 1000`)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	supervisor := exec.CommandContext(t.Context(), self)
	supervisor.Env = append(os.Environ(), childEnv+"="+u.Command[0])
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	command := b.pid(t, "self")
	if err := supervisor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait() // it was killed
	await(t, "the end of the command", dead(command))
}

// TestLosesTheRightAndTheUnitAtOnce: whoever loses both has lost it to somebody, and releases nothing.
func TestLosesTheRightAndTheUnitAtOnce(t *testing.T) {
	b, u := start(t, `echo "$EVENKEEL_RESOURCE $1" >> $D/asked`)
	b.wants(u)
	await(t, "held", b.state(Held))
	b.Want(Want{})
	u.Resource, u.Every, u.Addresses = "other", 10*time.Millisecond, u.Addresses[:1]
	b.wants(u)
	await(t, "a check, which comes after any release", b.has("asked", 3))
	if diff := cmp.Diff([]string{"web assign", "other assign", "other check"}, b.read("asked")[:3]); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestBeginsNothingThatWasDecidedInTime: the last look at the clock is right before the command.
func TestBeginsNothingThatWasDecidedInTime(t *testing.T) {
	b, u := start(t, record)
	b.Until(time.Now(), time.Now())
	if e := b.run(t.Context(), op{number: 1, verb: Assign, unit: u}); e.outcome != late || b.read("asked") != nil {
		t.Errorf("%+v, asked %q", e, b.read("asked"))
	}
}

// TestManyHandsAtOnce: Want and Until may be called by anybody at any time. One command of a resource runs at a time, even while what is
// wanted changes all the time.
func TestManyHandsAtOnce(t *testing.T) {
	b, u := start(t, `exec 9> $D/lock."$EVENKEEL_RESOURCE"; flock -n 9 || echo "$EVENKEEL_RESOURCE $1" >> $D/twice
		echo "$1" >> $D/asked; sleep 0.02 9>&-`)
	var hands sync.WaitGroup
	for hand := range 4 {
		hands.Go(func() {
			for i := range 40 {
				v := u
				v.Resource, v.Every = fmt.Sprint("r", i%3), time.Millisecond
				v.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i%3)}), 24)}
				b.Want(Want{
					Units: []Unit{v}, Epochs: map[string]uint64{"r9": uint64(hand)},
					Since: time.Now(), Until: time.Now().Add(time.Duration(i%5) * 20 * time.Millisecond),
				})
				b.Until(time.Now(), time.Now().Add(time.Duration(i%7)*10*time.Millisecond))
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	hands.Wait()
	b.Until(time.Now(), time.Now().Add(time.Hour))
	await(t, "held", b.state(Held))
	b.end()
	if twice := b.read("twice"); twice != nil {
		t.Errorf("at once: %q", twice)
	}
}

// TestEndedAsItIsKilled has a command end in the moment in which another order would have it killed.
func TestEndedAsItIsKilled(t *testing.T) {
	m := New(Options{Node: "n1", Log: zerolog.New(zerolog.NewTestWriter(t)), Report: func(Report) {}})
	u := Unit{Resource: "web", Epoch: 3, Command: []string{"/bin/true"}}
	want := Want{Units: []Unit{u}, Since: time.Now(), Until: time.Now().Add(time.Hour)}
	m.Want(want)
	var commands sync.WaitGroup
	m.step(t.Context(), &commands, tick{})
	e := <-m.results
	m.note(e)
	want.Units, want.Epochs = nil, map[string]uint64{"web": 4}
	m.Want(want)
	m.step(t.Context(), &commands, e)
	commands.Wait()
	if len(m.machine.report().Units) != 0 {
		t.Errorf("it reports %+v", m.machine.report())
	}
}
