// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"io"
	"sync"
	"sync/atomic"
)

// drawMax is the longest read that is taken for one of raft's, in bytes: it draws numbers below the election timeout,
// counted in ticks. Keys and ids of others, drawn at the same moment, are longer.
const drawMax = 2

// Tap hands on random bytes, and takes note of those that raft draws while the core is at work. Put it into
// crypto/rand.Reader before anything runs. A byte that somebody else draws at that moment may be noted too; it spoils
// the replay of that step and nothing else.
type Tap struct {
	from   io.Reader
	inside atomic.Bool

	mu    sync.Mutex
	drawn []byte
}

// NewTap returns a tap on a source of random bytes.
func NewTap(from io.Reader) *Tap { return &Tap{from: from} }

// Read implements io.Reader.
func (t *Tap) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	if t.inside.Load() && len(p) <= drawMax {
		t.mu.Lock()
		t.drawn = append(t.drawn, p[:n]...)
		t.mu.Unlock()
	}
	return n, err
}

// begin begins to take note.
func (t *Tap) begin() { t.inside.Store(true) }

// end returns what was drawn since begin.
func (t *Tap) end() []byte {
	t.inside.Store(false)
	t.mu.Lock()
	defer t.mu.Unlock()
	drawn := t.drawn
	t.drawn = nil
	return drawn
}

// given hands out random bytes that were drawn before.
type given struct {
	left  []byte
	free  bool // anything will do
	short bool // more was wanted than there is
}

// Read implements io.Reader.
func (g *given) Read(p []byte) (int, error) {
	n := copy(p, g.left)
	g.left = g.left[n:]
	if n < len(p) {
		clear(p[n:])
		g.short = g.short || !g.free
	}
	return len(p), nil
}
