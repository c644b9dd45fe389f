// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestHoldsAndGone(t *testing.T) {
	status := func(looked bool, units ...UnitStatus) Status { return Status{Looked: looked, Units: units} }
	unit := func(name string, refused string, phases ...Phase) UnitStatus {
		u := UnitStatus{Resource: name, Epoch: 3, Refused: refused}
		for _, p := range phases {
			u.Addresses = append(u.Addresses, AddressStatus{Phase: p})
		}
		return u
	}
	for _, c := range []struct {
		name        string
		status      Status
		holds, gone bool
	}{
		{"nothing is known", status(false), false, false},
		{"nothing is there", status(true), false, true},
		{"held", status(true, unit("a", "", Held, Held)), true, false},
		{"held in part", status(true, unit("a", "", Held, Contested)), false, false},
		{"under way", status(true, unit("a", "", Probing)), false, false},
		{"on its way out", status(true, unit("a", "", Releasing, Lapsed)), false, false},
		{"lapsed and gone", status(true, unit("a", "", Lapsed)), false, true},
		{"refused", status(true, unit("a", "no")), false, true},
		{"refused, and on its way out", status(true, unit("a", "no", Releasing)), false, false},
		{"another one is held", status(true, unit("b", "", Held)), false, true},
		{"something is there that nobody ordered", status(true, unit("", "", Releasing)), false, false},
	} {
		if got := c.status.Holds("a", 3); got != c.holds {
			t.Errorf("%s: it holds: %t", c.name, got)
		}
		if got := c.status.Gone("a"); got != c.gone {
			t.Errorf("%s: it is gone: %t", c.name, got)
		}
		if c.status.Holds("a", 2) {
			t.Errorf("%s: it holds it under another epoch", c.name)
		}
	}
}

func TestInstant(t *testing.T) {
	if got := Never.Add(time.Second); got != Never {
		t.Errorf("after never comes %d", got)
	}
	if got := Instant(5).Add(-3).Add(4).Sub(2); got != 4 {
		t.Errorf("it comes to %d", got)
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"as it is": "as it is", "two\nlines\x00": "two lines ", "": "",
		strings.Repeat("ä", whyMax): strings.Repeat("ä", whyMax/2), "x" + strings.Repeat("ä", whyMax): "x" + strings.Repeat("ä", whyMax/2-1),
	} {
		if got := clip(in); got != want || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for k := OpSetGate; k <= OpReport; k++ {
		if seen[k.String()] || strings.Contains(k.String(), "(") {
			t.Errorf("operation %d is called %s", k, k)
		}
		seen[k.String()] = true
	}
	if OpKind(0).String() != "op(0)" || (OpReport+1).String() != "op(11)" || Outcome(0).String() != "unknown" {
		t.Error("what is not known has a name")
	}
}
