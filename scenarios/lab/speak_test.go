// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// TestSpeaksAs reads frames as they are on the wire; the address is 10.0.0.100, or 2001:db8::64.
func TestSpeaksAs(t *testing.T) {
	const (
		to, from  = "ffffffffffff", "020000000001"
		arp       = "0001" + "0800" + "0604"
		four, six = "10.0.0.100", "2001:db8::64"
		sixHex    = "20010db8000000000000000000000064"
		otherHex  = "20010db8000000000000000000000065"
	)
	for name, c := range map[string]struct {
		frame, address string
		want           bool
	}{
		"gratuitous ARP":               {to + from + "0806" + arp + "0001" + from + "0a000064" + "000000000000" + "0a000064", four, true},
		"ARP of another one, for it":   {to + from + "0806" + arp + "0001" + from + "0a000001" + "000000000000" + "0a000064", four, false},
		"ARP probe, which says no one": {to + from + "0806" + arp + "0001" + from + "00000000" + "000000000000" + "0a000064", four, false},
		"ARP in a VLAN":                {to + from + "8100" + "0014" + "0806" + arp + "0002" + from + "0a000064" + from + "0a000001", four, true},
		"packet from it":               {to + from + "0800" + "4500001400000000400600000a0000640a000001", four, true},
		"packet to it":                 {to + from + "0800" + "4500001400000000400600000a0000010a000064", four, false},
		"IPv6 packet from it":          {to + from + "86dd" + "6000000000003a40" + sixHex + otherHex, six, true},
		"advertisement by another":     {to + from + "86dd" + "6000000000183aff" + otherHex + otherHex + "88000000" + "20000000" + sixHex, six, true},
		"solicitation by another":      {to + from + "86dd" + "6000000000183aff" + otherHex + otherHex + "87000000" + "00000000" + sixHex, six, false},
		"IPv6 asked for IPv4":          {to + from + "86dd" + "6000000000003a40" + sixHex + otherHex, four, false},
		"cut off":                      {to + from + "0806" + arp, four, false},
		"nothing":                      {"", four, false},
	} {
		frame, err := hex.DecodeString(c.frame)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := lab.SpeaksAs(frame, netip.MustParseAddr(c.address)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		for n := range frame { // of any length
			_ = lab.SpeaksAs(frame[:n], netip.MustParseAddr(c.address))
		}
	}
	if lab.SpeaksAs([]byte(strings.Repeat("\x81\x00", 40)), netip.MustParseAddr(four)) {
		t.Error("tags without end")
	}
}
