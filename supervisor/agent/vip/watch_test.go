// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

// watch returns the changes, and returns once they are watched.
func watch(t *testing.T, links *vip.Links) <-chan vip.Change {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan vip.Change, 1000)
	done := make(chan error, 1)
	go func() { done <- links.Watch(ctx, func(c vip.Change) { changes <- c }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	expect(t, changes, vip.Change{Kind: vip.LookAgain})
	return changes
}

func expect(t *testing.T, changes <-chan vip.Change, want vip.Change) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case got := <-changes:
			if got == want {
				return
			}
		case <-timeout:
			t.Fatalf("not within %v: %v", patience, want)
		}
	}
}

func TestWatch(t *testing.T) {
	families(t, func(t *testing.T, _ *segment.Segment, h *segment.Host, a vip.Address) {
		links := open(t, h, vip.Options{})
		changes := watch(t, links)
		h.Plug("down")
		expect(t, changes, vip.Change{Kind: vip.LinkDown, Interface: segment.Interface})
		h.Plug("up")
		expect(t, changes, vip.Change{Kind: vip.LinkUp, Interface: segment.Interface})
		must(t, links.Add(t.Context(), a, time.Minute))
		h.Run("ip", "address", "del", a.Prefix.String(), "dev", segment.Interface)
		expect(t, changes, vip.Change{Kind: vip.AddressGone, Interface: segment.Interface, Prefix: a.Prefix})
		h.Run("ip", "address", "add", a.Prefix.String(), "dev", segment.Interface)
		expect(t, changes, vip.Change{Kind: vip.AddressByOthers, Interface: segment.Interface, Prefix: a.Prefix})
		h.Run("ip", "link", "add", "mv0", "link", segment.Interface, "type", "macvlan")
		h.Run("ip", "link", "set", "mv0", "up")
		expect(t, changes, vip.Change{Kind: vip.LinkUp, Interface: "mv0"})
		h.Run("ip", "link", "del", "mv0")
		expect(t, changes, vip.Change{Kind: vip.LinkGone, Interface: "mv0"})
	})
}

// TestWatchSlowly makes more changes than the kernel keeps for a watcher that does not read.
func TestWatchSlowly(t *testing.T) {
	s := segment.New(t)
	h := s.Host()
	links := open(t, h, vip.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks, wait := 0, make(chan struct{})
	done := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		done <- links.Watch(ctx, func(c vip.Change) {
			if c.Kind != vip.LookAgain {
				return
			}
			if looks++; looks == 1 {
				close(began)
				<-wait
			} else {
				cancel()
			}
		})
	}()
	<-began
	batch := filepath.Join(t.TempDir(), "batch")
	must(t, os.WriteFile(batch, []byte(strings.Repeat("address add 10.3.0.1/32 dev eth0\naddress del 10.3.0.1/32 dev eth0\n", 2000)), 0o600))
	h.Run("ip", "-batch", batch)
	close(wait)
	if err := <-done; err != nil || looks != 2 {
		t.Errorf("%v, told to look %d times", err, looks)
	}
}
