// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

// patience bounds every wait; nothing is asserted about speed.
const patience = 30 * time.Second

func open(t testing.TB, h *segment.Host, opts vip.Options) *vip.Links {
	t.Helper()
	var links *vip.Links
	var err error
	h.Do(func() { links, err = vip.Open(opts) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := links.Close(); err != nil {
			t.Error(err)
		}
	})
	return links
}

func on(iface, prefix string) vip.Address {
	return vip.Address{Prefix: netip.MustParsePrefix(prefix), Interface: iface}
}

// shown is what ip(8) says about the address, one line; empty when it is not there.
func shown(h *segment.Host, a vip.Address) string {
	for line := range strings.Lines(h.Run("ip", "-d", "-o", "address", "show", "dev", a.Interface)) {
		if strings.Contains(line, " "+a.Prefix.String()+" ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", patience, what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
