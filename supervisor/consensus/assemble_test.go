// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

func cut(data []byte, leaderTerm, index uint64, attempt uint32) []chunk {
	id := snapshotID{leaderTerm: leaderTerm, index: index, term: 1, size: uint32(len(data)), sum: castagnoli(data)}
	var out []chunk
	for part := range id.parts() {
		at := int(part) * chunkDataBytes
		out = append(out, chunk{snapshotID: id, attempt: attempt, part: part, data: data[at : at+id.partLen(part)]})
	}
	return out
}

func newAssembler() assembler { return assembler{bySender: map[uint64]*assembly{}} }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestAssemblerTakesAnyOrder(t *testing.T) {
	for _, size := range []int{1, chunkDataBytes - 1, chunkDataBytes, chunkDataBytes + 1, 3*chunkDataBytes + 7} {
		data := randomBytes(size)
		chunks := cut(data, 2, 9, 1)
		rand.New(rand.NewPCG(2, 2)).Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
		a := newAssembler()
		var whole []byte
		for i, c := range chunks {
			again, err := decodeChunk(encodeChunk(c))
			if err != nil {
				t.Fatal(err)
			}
			if whole, err = a.add(7, again, 0); err != nil || (whole != nil) != (i == len(chunks)-1) {
				t.Fatalf("%d bytes, piece %d: %d bytes, %v", size, i, len(whole), err)
			}
		}
		if !bytes.Equal(whole, data) {
			t.Fatalf("%d bytes came out different", size)
		}
		// Copies of a finished attempt start nothing; a new attempt does.
		for _, c := range chunks {
			if whole, err := a.add(7, c, 0); whole != nil || err != nil || !a.bySender[7].done {
				t.Fatalf("a late copy: %d bytes, %v", len(whole), err)
			}
		}
		if _, err := a.add(7, cut(data, 2, 9, 2)[0], 0); err != nil || (size > chunkDataBytes && a.bySender[7].done) {
			t.Fatalf("a new attempt: %v", err)
		}
	}
}

func TestAssemblerFillsHolesAcrossAttempts(t *testing.T) {
	data := randomBytes(4 * chunkDataBytes)
	a := newAssembler()
	for i, c := range cut(data, 2, 9, 1) {
		if i == 2 {
			continue
		}
		if _, err := a.add(7, c, 0); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := a.add(7, cut(data, 2, 9, 2)[2], 0)
	if err != nil || !bytes.Equal(whole, data) {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
}

func TestAssemblerPrefersTheNewer(t *testing.T) {
	a := newAssembler()
	add := func(term, index uint64) {
		if _, err := a.add(7, cut(randomBytes(2*chunkDataBytes), term, index, 1)[0], 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ term, index, wantTerm, wantIndex uint64 }{
		{2, 9, 2, 9}, {2, 8, 2, 9}, {2, 12, 2, 12}, {1, 20, 2, 12}, {3, 5, 3, 5},
	} {
		add(step.term, step.index)
		if id := a.bySender[7].id; id.leaderTerm != step.wantTerm || id.index != step.wantIndex {
			t.Fatalf("after %+v: %+v", step, id)
		}
	}
}

func TestAssemblerRefusesWrongWhole(t *testing.T) {
	a := newAssembler()
	c := cut([]byte("hello"), 2, 9, 1)[0]
	c.data = []byte("hallo")
	if _, err := a.add(7, c, 0); !errors.Is(err, ErrFrame) || len(a.bySender) != 0 {
		t.Fatalf("got %v, %d kept", err, len(a.bySender))
	}
}

func TestAssemblerIsBounded(t *testing.T) {
	a := newAssembler()
	claim := func(from uint64, size uint32, tick uint64) {
		id := snapshotID{leaderTerm: 2, index: 9, term: 1, size: size, sum: uint32(from)}
		if _, err := a.add(from, chunk{snapshotID: id, data: make([]byte, id.partLen(0))}, tick); err != nil {
			t.Fatal(err)
		}
	}
	for from := range uint64(20) {
		claim(from+1, SnapshotBytesMax/16, from)
	}
	if len(a.bySender) != assembliesMax || a.bySender[13] == nil || a.bySender[12] != nil {
		t.Fatalf("%d senders kept", len(a.bySender))
	}
	claim(50, SnapshotBytesMax, 30)
	if len(a.bySender) != 1 || a.promised() != SnapshotBytesMax {
		t.Fatalf("%d senders, %d bytes", len(a.bySender), a.promised())
	}
	a.expire(31)
	if len(a.bySender) != 0 {
		t.Fatal("an old one stays")
	}
}

func TestChunkDecoderRefuses(t *testing.T) {
	good := cut(make([]byte, 2*chunkDataBytes+5), 2, 9, 1)
	for name, edit := range map[string]func(*chunk){
		"no data":         func(c *chunk) { c.data = nil },
		"short middle":    func(c *chunk) { c.data = c.data[1:] },
		"piece beyond":    func(c *chunk) { c.part = 3 },
		"empty whole":     func(c *chunk) { c.size = 0 },
		"too large":       func(c *chunk) { c.size = SnapshotBytesMax + 1 },
		"no index":        func(c *chunk) { c.index = 0 },
		"no term":         func(c *chunk) { c.term = 0 },
		"term from ahead": func(c *chunk) { c.term = 3 },
	} {
		c := good[1]
		edit(&c)
		if _, err := decodeChunk(encodeChunk(c)); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
