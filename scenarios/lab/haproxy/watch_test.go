// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
)

const patience = 30 * time.Second

// startHAProxy runs a real HAProxy with two checked servers, and returns the paths of its admin socket and of one with
// level user.
func startHAProxy(t *testing.T, servers ...string) (admin, user string) {
	t.Helper()
	path := "/usr/sbin/haproxy"
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run ./task setup", err)
	}
	dir, err := os.MkdirTemp("", "ek") //nolint:usetesting // short: the path of a unix socket is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	admin, user = filepath.Join(dir, "admin.sock"), filepath.Join(dir, "user.sock")
	config := fmt.Sprintf("global\n stats socket %s mode 600 level admin\n stats socket %s mode 600 level user\n", admin, user) +
		"defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\nbackend be\n option httpchk\n"
	for i, addr := range servers {
		config += fmt.Sprintf(" server s%d %s check inter 20ms fall 2 rise 2\n", i+1, addr)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return admin, user
}

func command(t *testing.T, socket, line string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 1 {
		t.Fatalf("%s: %q, %v", line, answer, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s1, s2 := httptest.NewServer(ok), httptest.NewServer(ok)
	t.Cleanup(s1.Close)
	t.Cleanup(s2.Close)
	admin, user := startHAProxy(t, s1.Listener.Addr().String(), s2.Listener.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	w := haproxy.New(haproxy.Options{Socket: user, Backend: "be"})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(running) }()
	if err := w.Arm(ctx); err != nil {
		t.Fatal(err)
	}
	await := func(server string, what func(haproxy.Change) bool, state string) haproxy.Change {
		t.Helper()
		c, err := w.Await(ctx, func(c haproxy.Change) bool { return c.Server.Name == server && what(c) })
		if err != nil {
			t.Fatal(err)
		}
		if c.To.String() != state || c.Server.String() != "be/"+server || !c.After.Before(c.At) {
			t.Errorf("%+v (%s), want %s", c, c.To, state)
		}
		return c
	}

	before := time.Now()
	command(t, admin, "set server be/s1 state drain")
	acted := time.Now()
	left := await("s1", haproxy.Change.Left, "DRAIN")
	if left.At.Before(before) || left.After.After(acted) {
		t.Errorf("drained between %s and %s, seen between %s and %s", before, acted, left.After, left.At)
	}
	command(t, admin, "set server be/s1 state ready")
	if back := await("s1", haproxy.Change.Entered, "UP"); !back.At.After(left.At) {
		t.Errorf("back at %s, left at %s", back.At, left.At)
	}
	command(t, admin, "set server be/s2 weight 0")
	// A look shows what was done before it, and all that it shows is among the changes.
	states, err := w.Look(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := states[haproxy.Server{Backend: "be", Name: "s2"}]; got.InRotation() || len(w.Changes()) != 3 {
		t.Errorf("a look shows %s after %d changes", got, len(w.Changes()))
	}
	await("s2", haproxy.Change.Left, "UP with weight 0")

	// Changes of before are forgotten when the watch is armed again.
	command(t, admin, "set server be/s2 weight 1")
	w.Disarm()
	if err := w.Arm(ctx); err != nil {
		t.Fatal(err)
	}
	command(t, admin, "set server be/s2 state maint")
	await("s2", haproxy.Change.Left, "MAINT")
	s1.Close()
	await("s1", haproxy.Change.Left, "DOWN")

	if polls, failed := w.Polls(); polls < 3 || failed > 0 {
		t.Errorf("%d of %d polls failed", failed, polls)
	}
	w.Disarm()
	polls, _ := w.Polls()
	time.Sleep(20 * time.Millisecond)
	if later, _ := w.Polls(); later > polls+1 {
		t.Errorf("%d polls while disarmed", later-polls)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestSilenceIsNotChange: an HAProxy that is gone says nothing about its servers.
func TestSilenceIsNotChange(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := haproxy.New(haproxy.Options{Socket: filepath.Join(t.TempDir(), "none.sock")})
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	short, cancelShort := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancelShort()
	if err := w.Arm(short); err == nil {
		t.Error("a watch without HAProxy was armed")
	}
	if states, err := w.Look(ctx); err == nil {
		t.Errorf("a look at no HAProxy shows %v", states)
	}
	if polls, failed := w.Polls(); polls == 0 || polls != failed || len(w.Changes()) > 0 {
		t.Errorf("%d of %d polls failed, %d changes", failed, polls, len(w.Changes()))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
