// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func TestUnreached(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	l := listenAt(t, dead)
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for socket, want := range map[string]string{
		filepath.Join(dir, "none.sock"): "does not run on this node, or listens elsewhere: there is no socket",
		dead:                            "does not run on this node: nobody listens on",
	} {
		_, err := Dial(socket).Status(t.Context())
		expect(t, err, 0, want)
		failure := failureOf(t, err)
		if !strings.Contains(failure.Hint, "--socket") {
			t.Errorf("hint %q", failure.Hint)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(dead).Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up ends with %v", err)
	}
	short, cancelShort := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelShort()
	mute := filepath.Join(dir, "mute.sock")
	defer listenAt(t, mute).Close()
	_, err := Dial(mute).Status(short)
	expect(t, err, 0, "evenkeel does not answer on")
}

// TestForbidden stands in for the kernel, which forbids root nothing.
func TestForbidden(t *testing.T) {
	err := Dial("/run/api.sock").unreached(t.Context(), &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", unix.EACCES)})
	expect(t, err, 0, "you may not use /run/api.sock")
	if hint := failureOf(t, err).Hint; !strings.Contains(hint, "sudo") {
		t.Errorf("hint %q", hint)
	}
}

// TestStrangers talks to something else that listens.
func TestStrangers(t *testing.T) {
	for answer, want := range map[string]string{
		"teapot": "answers 418",
		"text":   "does not read",
		"large":  "more than",
		"hangup": "does not answer: EOF",
	} {
		t.Run(answer, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "api.sock")
			server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				switch answer {
				case "teapot":
					w.WriteHeader(http.StatusTeapot)
				case "text":
					_, _ = w.Write([]byte("<html>"))
				case "large":
					_, _ = w.Write([]byte(strings.Repeat(" ", answerMax+1)))
				case "hangup":
					panic(http.ErrAbortHandler)
				}
			})}
			l := listenAt(t, path)
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(l) }()
			client := Dial(path)
			_, err := client.Status(t.Context())
			var failure *Error
			if !errors.As(err, &failure) || !strings.Contains(failure.Message, want) {
				t.Errorf("%v, want %q", err, want)
			}
			client.Close()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
}

// FuzzScan reads any bytes as an event stream.
func FuzzScan(f *testing.F) {
	f.Add("{\"index\":3,\"kind\":\"node.mode\"}\n\n{\"error\":\"cut\"}\n")
	f.Add("{")
	f.Fuzz(func(_ *testing.T, body string) {
		_ = scan(strings.NewReader(body), func(cluster.Notice) error { return nil })
	})
}
