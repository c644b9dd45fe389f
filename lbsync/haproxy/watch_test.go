// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

func TestWatch(t *testing.T) {
	p := start(t, func(dir string) string {
		return fmt.Sprintf(globalSection, dir, "log ring@events format raw local0 notice", "log global") +
			"ring events\n format raw\n maxlen 1200\n size 65536\nbackend web\n server n1 127.0.0.1:1\n"
	})
	d := p.driver(Options{Ring: "events"})
	ctx, cancel := context.WithCancel(t.Context())
	hints := d.Watch(ctx)
	await := func(what string) {
		t.Helper()
		select {
		case _, open := <-hints:
			if !open {
				t.Fatal("the channel is closed")
			}
		case <-time.After(patience):
			t.Fatalf("no hint: %s", what)
		}
	}
	await("the stream is open")
	other := p.driver(Options{})
	s := observe(t, other, "web")
	// The first hint may come before HAProxy follows the ring, so the change is made until it is heard.
	heard := func(what string) {
		t.Helper()
		eventually(t, what, func() bool {
			s = observe(t, other, "web")
			s = apply(t, other, s.Epoch, op(lbsync.OpMaint, "n1"))
			apply(t, other, s.Epoch, op(lbsync.OpReady, "n1"))
			select {
			case <-hints:
				return true
			case <-time.After(100 * time.Millisecond):
				return false
			}
		})
	}
	heard("a change is heard")
	p.reload(d, "web")
	for len(hints) > 0 {
		<-hints
	}
	heard("a change in the new process is heard")
	eventually(t, "the stream follows the new process", func() bool {
		now := observe(t, d, "web")
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.stream.pid == now.Epoch.PID
	})
	cancel()
	eventually(t, "the channel closes", func() bool {
		select {
		case _, open := <-hints:
			return !open
		default:
			return false
		}
	})
}

// TestWatchWithoutRing: the death of the process is heard all the same, and nothing else is.
func TestWatchWithoutRing(t *testing.T) {
	p := start(t, func(dir string) string { return plain(dir, "backend web\n server n1 127.0.0.1:1\n") })
	ctx, cancel := context.WithCancel(t.Context())
	hints := p.driver(Options{Ring: "none"}).Watch(ctx)
	d := p.driver(Options{})
	quiet := d.Watch(ctx)
	eventually(t, "the missing ring is named", func() bool { return strings.Contains(p.out.String(), "no such ring") })
	eventually(t, "the process is watched", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.stream.pid != 0
	})
	if len(quiet) > 0 {
		t.Error("a hint while nothing happened")
	}
	p.kill()
	eventually(t, "the death is heard", func() bool { return len(quiet) > 0 })
	cancel()
	for range hints {
	}
	for range quiet {
	}
}
