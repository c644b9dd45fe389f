// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Interface is the name of each host's interface on the segment.
const Interface = "eth0"

// An interface that was set up is ready a moment later.
const (
	readyTries = 1000
	readyEvery = 10 * time.Millisecond
)

// Segment is a switch with hosts on it.
type Segment struct {
	hub   *Host
	hosts int
}

// Host is one network namespace.
type Host struct {
	t     testing.TB
	tid   int
	calls chan func()
	port  string // of the switch
	hub   *Host
}

// New returns an empty segment. Without root the test is skipped: namespaces need it.
func New(t testing.TB) *Segment {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("ip is missing: run ./task setup, or apt-get install -y iproute2")
	}
	s := &Segment{hub: newHost(t)}
	s.hub.Run("ip", "link", "add", "br0", "type", "bridge")
	s.hub.Run("ip", "link", "set", "br0", "up")
	return s
}

// Host adds a host with these addresses on its interface, which is up.
func (s *Segment) Host(prefixes ...string) *Host {
	s.hub.t.Helper()
	h := newHost(s.hub.t)
	s.hosts++
	h.hub, h.port = s.hub, fmt.Sprintf("port%d", s.hosts)
	h.Run("ip", "link", "set", "lo", "up")
	for _, scope := range []string{"all", "default"} {
		h.Set("net/ipv6/conf/"+scope+"/accept_dad", "0") // it would keep IPv6 addresses from use for a second
	}
	s.hub.Run("ip", "link", "add", h.port, "type", "veth", "peer", "name", Interface, "netns", h.Namespace())
	s.hub.Run("ip", "link", "set", h.port, "master", "br0", "up")
	h.Run("ip", "link", "set", Interface, "up")
	for _, prefix := range prefixes {
		h.Run("ip", "address", "add", prefix, "dev", Interface, "nodad")
	}
	h.ready()
	return h
}

// ready waits until the interface has a carrier and its link-local address, so that both protocols work.
func (h *Host) ready() {
	h.t.Helper()
	for range readyTries {
		link, address := h.Run("ip", "link", "show", "dev", Interface), h.Run("ip", "-6", "address", "show", "dev", Interface, "scope", "link")
		if strings.Contains(link, "state UP") && strings.Contains(address, "fe80:") && !strings.Contains(address, "tentative") {
			return
		}
		time.Sleep(readyEvery)
	}
	h.t.Fatalf("%s is not ready after %v", Interface, readyTries*readyEvery)
}

// Plug sets the carrier of the host's interface: "up" or "down".
func (h *Host) Plug(state string) {
	h.t.Helper()
	h.hub.Run("ip", "link", "set", h.port, state)
}

// Namespace is the path of the host's network namespace, for as long as the test runs.
func (h *Host) Namespace() string {
	return fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), h.tid)
}

// Do runs fn on a thread in the namespace, one at a time.
func (h *Host) Do(fn func()) {
	h.t.Helper()
	done := make(chan struct{})
	h.calls <- func() {
		defer close(done)
		fn()
	}
	<-done
}

// Run runs a command there, fails the test unless it succeeds, and returns its output.
func (h *Host) Run(name string, args ...string) string {
	h.t.Helper()
	out, err := h.Try(name, args...)
	if err != nil {
		h.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

// Try runs a command there and returns its output and how it ended.
func (h *Host) Try(name string, args ...string) (string, error) {
	var out []byte
	var err error
	h.Do(func() { out, err = exec.Command(name, args...).CombinedOutput() }) //nolint:noctx // the commands of a test end by themselves
	return string(out), err
}

// Start starts a command there.
func (h *Host) Start(cmd *exec.Cmd) {
	h.t.Helper()
	var err error
	h.Do(func() { err = cmd.Start() })
	if err != nil {
		h.t.Fatal(err)
	}
}

// Unprivileged runs fn on a thread in the namespace that has no capabilities meanwhile.
func (h *Host) Unprivileged(fn func()) {
	h.t.Helper()
	var err error
	h.Do(func() {
		// Version 3 has 64 capabilities, in two halves.
		head, sets := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
		if err = unix.Capget(&head, &sets[0]); err != nil {
			return
		}
		none := sets
		none[0].Effective, none[1].Effective = 0, 0
		if err = unix.Capset(&head, &none[0]); err != nil {
			return
		}
		fn()
		err = unix.Capset(&head, &sets[0])
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// Set writes a sysctl there, by its path below /proc/sys.
func (h *Host) Set(path, value string) {
	h.t.Helper()
	var err error
	h.Do(func() { err = os.WriteFile("/proc/sys/"+path, []byte(value), 0o600) })
	if err != nil {
		h.t.Fatal(err)
	}
}

func newHost(t testing.TB) *Host {
	t.Helper()
	h := &Host{t: t, calls: make(chan func())}
	ready := make(chan error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.live(ready)
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(h.calls)
		<-done
	})
	return h
}

// live keeps one thread for itself, which ends with its goroutine and takes the namespace with it.
func (h *Host) live(ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// Go parks the first thread of a process instead of ending it. While this goroutine holds it, the next one gets another.
		inner := make(chan struct{})
		go func() {
			defer close(inner)
			h.live(ready)
		}()
		<-inner
		runtime.UnlockOSThread()
		return
	}
	h.tid = unix.Gettid()
	err := unix.Unshare(unix.CLONE_NEWNET)
	ready <- err
	if err != nil {
		return
	}
	for call := range h.calls {
		call()
	}
}
