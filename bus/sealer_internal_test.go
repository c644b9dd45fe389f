// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"testing"
)

// An authentic frame with a fault inside can only come from a peer of another version or with a fault; it is made here by sealing a body by hand.
func TestAuthenticButWrong(t *testing.T) {
	s, err := NewSealer([]byte("0123456789abcdef"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	good, err := s.Seal(Envelope{From: "n1", Kind: KindVote, Payload: []byte("abc")})
	if err != nil {
		t.Fatal(err)
	}
	body := good[:len(good)-macSize]
	for _, tc := range []struct {
		name string
		edit func(b []byte) []byte
		want error
	}{
		{"version", func(b []byte) []byte { b[2] = 2; return b }, ErrVersion},
		{"short header", func(b []byte) []byte { return b[:headerSize-1] }, ErrMalformed},
		{"kind", func(b []byte) []byte { b[3] = 0; return b }, ErrMalformed},
		{"cluster length", func(b []byte) []byte { b[4] = 200; return b }, ErrMalformed},
		{"payload length", func(b []byte) []byte { b[30] = 255; return b }, ErrMalformed},
		{"name length zero", func(b []byte) []byte { b[5], b[33] = 0, b[33]+2; return b }, ErrMalformed},
	} {
		edited := tc.edit(append([]byte(nil), body...))
		frame := s.mac(edited, edited)[:len(edited)+macSize]
		if _, err := s.Open(frame); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
}
