// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSocketModes(t *testing.T) {
	socket := start(t, newSource())
	for path, want := range map[string]fs.FileMode{socket: fs.ModeSocket | 0o660, filepath.Dir(socket): fs.ModeDir | 0o750} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
}

// TestStaleSocket leaves a socket behind as a killed process does.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	dead := listenAt(t, path)
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the dead socket is gone before the test: %v", err)
	}
	l, err := listen(t.Context(), path)
	if err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestLiveSocket(t *testing.T) {
	socket := start(t, newSource())
	_, err := listen(t.Context(), socket)
	if err == nil || !strings.Contains(err.Error(), "is evenkeel running already?") {
		t.Errorf("listening on a live socket gives %v", err)
	}
	if _, err := Dial(socket).Version(t.Context()); err != nil {
		t.Errorf("the attempt hurt the server that was there: %v", err)
	}
}

func TestNoSocket(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                                 "is no socket",
		filepath.Join(file, "api.sock"):      "not a directory",
		dir + "/" + strings.Repeat("a", 108): "choose a shorter api.socket",
	} {
		if _, err := listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("listen on %.60s: %v, want %q", path, err, want)
		}
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "precious" {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

// TestFolderIsLocked holds the lock as a process that is about to listen does.
func TestFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := listen(ctx, filepath.Join(dir, "api.sock")); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for the lock ended with %v", err)
	}
}

// TestConnectionLimit opens one connection more than there are slots.
func TestConnectionLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	inner := listenAt(t, path)
	l := &listener{Listener: inner, slots: make(chan struct{}, 1), closed: make(chan struct{})}
	accepted := make(chan net.Conn)
	ended := make(chan error)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := <-accepted // could not come before the first gave its slot back
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ended with %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func listenAt(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
