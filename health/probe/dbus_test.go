// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// busConfig lets everybody do everything on a private bus.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>`

// startBus runs a real message bus behind the socket, and returns what ends it.
func startBus(t *testing.T, socket string) (stop func()) {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Fatal("dbus-daemon is missing (Debian package dbus): run ./task setup")
	}
	config := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, socket), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), daemon, "--config-file="+config, "--nofork", "--nopidfile", "--nosyslog")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	t.Cleanup(stop)
	eventually(t, "the bus listens", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})

	return stop
}

// TestBusErrors meets a bus that refuses, that hangs up, and some that talk nonsense.
func TestBusErrors(t *testing.T) {
	welcome := []string{"REJECTED EXTERNAL\r\n", "DATA\r\n", "OK 1234\r\n"}
	for name, c := range map[string]struct {
		says []string // an answer to each line
		then string   // what is said after the last of them, when the first call has begun
		want string
	}{
		"refuses":   {says: []string{"REJECTED KERBEROS_V4\r\n"}, want: "authentication failed"},
		"hangs up":  {says: []string{""}, want: "authentication: EOF"},
		"nonsense":  {says: []string{"x\r\n"}, want: "authentication protocol error"},
		"long line": {says: []string{strings.Repeat("x", 2*maxBusMessage)}, want: "authentication: " + errBusMessage.Error()},
		"closes":    {says: welcome, want: "hello: EOF"},
		"no message": {
			says: welcome, then: strings.Repeat("x", 2*maxBusMessage),
			want: "hello: " + errBusMessage.Error(),
		},
		"long message": {
			says: welcome,
			// A reply, little-endian, with a body of 16 MiB.
			then: "l\x02\x00\x01\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 2*maxBusMessage),
			want: "hello: " + errBusMessage.Error(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				in := bufio.NewReader(conn)
				for _, line := range c.says {
					_, _ = in.ReadString('\n')
					_, _ = io.WriteString(conn, line)
				}
				if len(c.says) < len(welcome) {
					return
				}
				_, _ = in.ReadString('\n') // BEGIN
				_, _ = in.Peek(1)
				_, _ = io.WriteString(conn, c.then)
				_, _ = io.CopyN(io.Discard, in, int64(in.Buffered())) // else what is unread makes it a reset
			}()
			bus, err := dialBus(t.Context(), socket, make(changes, 1))
			if err == nil {
				_ = bus.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want …%s…", err, c.want)
			}
			_ = l.Close()
			<-served
		})
	}
}

// TestLongSignal says that somebody who sends us much over the bus only ends the connection.
func TestLongSignal(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	startBus(t, socket)
	bus, err := dialBus(t.Context(), socket, make(changes, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	other, err := dbus.Connect("unix:path=" + socket)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := bus.AddMatchSignalContext(t.Context(), dbus.WithMatchInterface("x.x")); err != nil {
		t.Fatal(err)
	}
	send := func(size int) {
		if err := other.Emit("/x", "x.x.x", make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	// Many are nothing special if each of them is within the bound.
	for range 10 {
		send(maxBusMessage / 2)
	}
	var id string
	if err := bus.BusObject().CallWithContext(t.Context(), "org.freedesktop.DBus.GetId", 0).Store(&id); err != nil {
		t.Fatal(err)
	}
	send(2 * maxBusMessage)
	select {
	case <-bus.Context().Done():
	case <-time.After(patience):
		t.Fatal("the connection goes on")
	}
}

// TestDialEnds says that a bus which accepts and is silent holds nobody beyond ctx.
func TestDialEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan struct{})
	defer func() { cancel(); _ = l.Close(); <-served }()
	go func() {
		defer close(served)
		conn, err := l.Accept()
		cancel()
		if err == nil {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	if _, err := dialBus(ctx, socket, make(changes, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("dialing without an answer, with a context that ended, gave %v", err)
	}
}
