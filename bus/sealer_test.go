// SPDX-License-Identifier: Apache-2.0

package bus_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/bus"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

func newSealer(tb testing.TB, key []byte, name string) bus.Sealer {
	tb.Helper()
	s, err := bus.NewSealer(key, name)
	if err != nil {
		tb.Fatalf("NewSealer: %v", err)
	}
	return s
}

func genEnvelope() *rapid.Generator[bus.Envelope] {
	return rapid.Custom(func(t *rapid.T) bus.Envelope {
		return bus.Envelope{
			Cluster: string(rapid.SliceOfN(rapid.Byte(), 0, bus.MaxCluster).Draw(t, "cluster")),
			From:    string(rapid.SliceOfN(rapid.Byte(), 1, bus.MaxName).Draw(t, "from")),
			Install: rapid.Uint64().Draw(t, "install"),
			Boot:    rapid.Uint64().Draw(t, "boot"),
			Seq:     rapid.Uint64().Draw(t, "seq"),
			Kind:    bus.Kind(rapid.Uint8Range(1, 255).Draw(t, "kind")),
			Payload: rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "payload"),
		}
	})
}

func TestSealOpenReturnsTheSameEnvelope(t *testing.T) {
	s := newSealer(t, testKey, "demo")
	rapid.Check(t, func(t *rapid.T) {
		want := genEnvelope().Draw(t, "envelope")
		frame, err := s.Seal(want)
		if err != nil {
			t.Fatalf("seal: %v", err)
		}
		got, err := s.Open(frame)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("envelope differs (-sent +opened):\n%s", diff)
		}
	})
}

func TestOneFlippedBitIsForeign(t *testing.T) {
	s := newSealer(t, testKey, "demo")
	rapid.Check(t, func(t *rapid.T) {
		frame, err := s.Seal(genEnvelope().Draw(t, "envelope"))
		if err != nil {
			t.Fatalf("seal: %v", err)
		}
		bit := rapid.IntRange(0, len(frame)*8-1).Draw(t, "bit")
		frame[bit/8] ^= 1 << (bit % 8)
		if _, err := s.Open(frame); !errors.Is(err, bus.ErrForeign) {
			t.Fatalf("bit %d flipped: got %v, want ErrForeign", bit, err)
		}
	})
}

func TestAnyCutFrameIsForeign(t *testing.T) {
	s := newSealer(t, testKey, "demo")
	frame, err := s.Seal(bus.Envelope{Cluster: "c", From: "n1", Kind: bus.KindVote, Payload: []byte("payload")})
	if err != nil {
		t.Fatal(err)
	}
	for n := range frame {
		if _, err := s.Open(frame[:n]); !errors.Is(err, bus.ErrForeign) {
			t.Fatalf("first %d bytes: got %v, want ErrForeign", n, err)
		}
	}
	if _, err := s.Open(append(bytes.Clone(frame), 0)); !errors.Is(err, bus.ErrForeign) {
		t.Fatalf("one byte more: got %v, want ErrForeign", err)
	}
}

func TestNetworksStayApart(t *testing.T) {
	otherKey := append([]byte("x"), testKey[1:]...)
	base := newSealer(t, testKey, "demo")
	for _, other := range []bus.Sealer{newSealer(t, otherKey, "demo"), newSealer(t, testKey, "demo2")} {
		frame, err := other.Seal(bus.Envelope{From: "n1", Kind: bus.KindRaft})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := base.Open(frame); !errors.Is(err, bus.ErrForeign) {
			t.Errorf("got %v, want ErrForeign", err)
		}
		if other.Network() == base.Network() || other.RoutePassword() == base.RoutePassword() {
			t.Error("two networks share an id or a password")
		}
	}
	if again := newSealer(t, testKey, "demo"); again.Network() != base.Network() || again.RoutePassword() != base.RoutePassword() {
		t.Error("the same key and name gave another network")
	}
}

func TestSealRefuses(t *testing.T) {
	s := newSealer(t, testKey, "demo")
	ok := bus.Envelope{From: "n1", Kind: bus.KindVote}
	with := func(f func(*bus.Envelope)) bus.Envelope { e := ok; f(&e); return e }
	for _, tc := range []struct {
		name string
		env  bus.Envelope
		want error
	}{
		{"good", ok, nil},
		{"largest payload", with(func(e *bus.Envelope) {
			e.Payload, e.From, e.Cluster = make([]byte, bus.MaxPayload), strings.Repeat("n", bus.MaxName), strings.Repeat("c", bus.MaxCluster)
		}), nil},
		{"payload", with(func(e *bus.Envelope) { e.Payload = make([]byte, bus.MaxPayload+1) }), bus.ErrTooLarge},
		{"name", with(func(e *bus.Envelope) { e.From = strings.Repeat("n", bus.MaxName+1) }), bus.ErrTooLarge},
		{"cluster", with(func(e *bus.Envelope) { e.Cluster = strings.Repeat("c", bus.MaxCluster+1) }), bus.ErrTooLarge},
		{"no name", with(func(e *bus.Envelope) { e.From = "" }), bus.ErrMalformed},
		{"no kind", with(func(e *bus.Envelope) { e.Kind = 0 }), bus.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			frame, err := s.Seal(tc.env)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if len(frame) > bus.MaxFrame {
				t.Fatalf("frame of %d bytes is over the limit", len(frame))
			}
		})
	}
	if _, err := s.Open(make([]byte, bus.MaxFrame+1)); !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("large frame: got %v, want ErrTooLarge", err)
	}
}

func TestSealerWithoutKey(t *testing.T) {
	for name, f := range map[string]func() error{
		"short key": func() error { _, err := bus.NewSealer(make([]byte, bus.MinKey-1), "demo"); return err },
		"no name":   func() error { _, err := bus.NewSealer(testKey, ""); return err },
		"long name": func() error { _, err := bus.NewSealer(testKey, strings.Repeat("x", bus.MaxCluster+1)); return err },
		"zero seal": func() error { _, err := bus.Sealer{}.Seal(bus.Envelope{From: "n1", Kind: 1}); return err },
		"zero open": func() error { _, err := bus.Sealer{}.Open(make([]byte, 100)); return err },
	} {
		if err := f(); !errors.Is(err, bus.ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		}
	}
}

func TestSealerNeverPrintsItsKey(t *testing.T) {
	s := newSealer(t, testKey, "demo")
	want := "sealer of network " + s.Network()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, s); got != want {
			t.Errorf("%s printed %q", verb, got)
		}
	}
}

func TestSubjects(t *testing.T) {
	if got, want := bus.SubjectAll("ab12"), "ek.ab12.all"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for node, want := range map[string]string{
		"n1": "ek.ab12.to.n1", "a.b": "ek.ab12.to.a=2Eb", "a=2Eb": "ek.ab12.to.a=3D2Eb", "": "ek.ab12.to.=", "*": "ek.ab12.to.=2A", "n >": "ek.ab12.to.n=20=3E",
	} {
		if got := bus.SubjectTo("ab12", node); got != want {
			t.Errorf("node %q: got %q, want %q", node, got, want)
		}
	}
}

func TestKindWords(t *testing.T) {
	for kind, want := range map[bus.Kind]string{
		bus.KindHeartbeat: "heartbeat", bus.KindVote: "vote", bus.KindRaft: "raft", bus.KindProposal: "proposal", 9: "kind-9",
	} {
		if got := kind.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s := newSealer(f, testKey, "demo")
	frame, err := s.Seal(bus.Envelope{Cluster: "c", From: "n1", Install: 1, Boot: 2, Seq: 3, Kind: bus.KindHeartbeat, Payload: []byte(`{"e":1}`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add([]byte("EK"))
	f.Fuzz(func(t *testing.T, b []byte) {
		env, err := s.Open(b)
		if err != nil {
			return
		}
		again, err := s.Seal(env)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("an opened frame seals to another: %v", err)
		}
	})
}

func benchFrame(b *testing.B) (bus.Sealer, bus.Envelope, []byte) {
	b.Helper()
	s := newSealer(b, testKey, "demo")
	env := bus.Envelope{Cluster: "01J9ZC6Y0H", From: "n1", Install: 7, Boot: 3, Seq: 99, Kind: bus.KindHeartbeat, Payload: make([]byte, 1500)}
	frame, err := s.Seal(env)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return s, env, frame
}

func BenchmarkSeal(b *testing.B) {
	s, env, _ := benchFrame(b)
	for b.Loop() {
		if _, err := s.Seal(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s, _, frame := benchFrame(b)
	for b.Loop() {
		if _, err := s.Open(frame); err != nil {
			b.Fatal(err)
		}
	}
}
