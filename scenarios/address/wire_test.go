// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// wire watches who sends anything as the virtual address.
type wire struct {
	address netip.Addr

	mu    sync.Mutex
	spans []span
}

// span is a time in which a node sent something as the address, and no other node did.
type span struct {
	node        string
	first, last time.Time
	frames      int
}

// watch looks at all that the machines send from now on.
func watch(ctx context.Context, world *lab.Lab, address netip.Addr, machines []*fleet.Machine) (*wire, error) {
	w := &wire{address: address}
	for _, m := range machines {
		if err := w.tap(ctx, world, m); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// tap looks at a machine, which may have been without power.
func (w *wire) tap(ctx context.Context, world *lab.Lab, m *fleet.Machine) error {
	return world.Tap(ctx, m.Node, 0, func(at time.Time, frame []byte) {
		if lab.SpeaksAs(frame, w.address) {
			w.note(m.Name, at)
		}
	})
}

// note keeps a frame. Frames of two nodes come out of order by what it takes to read them, so each is put where its time belongs.
func (w *wire) note(node string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.spans)
	if n > 0 && w.spans[n-1].node == node {
		s := &w.spans[n-1]
		s.last, s.frames = later(s.last, at), s.frames+1
		return
	}
	if n > 1 && w.spans[n-2].node == node && !at.After(w.spans[n-1].first) {
		s := &w.spans[n-2]
		s.last, s.frames = later(s.last, at), s.frames+1
		return
	}
	w.spans = append(w.spans, span{node: node, first: at, last: at, frames: 1})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// since returns the spans that began at some moment or later, and the one before.
func (w *wire) since(at time.Time) []span {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.spans, func(s span) bool { return s.first.After(at) })
	if i < 0 {
		i = len(w.spans)
	}
	return slices.Clone(w.spans[max(i-1, 0):])
}

func (w *wire) holder() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.spans) == 0 {
		return ""
	}
	return w.spans[len(w.spans)-1].node
}

// never fails the test if two nodes spoke as the address in one span of time: then there are more changes than moves.
func (w *wire) never(t testing.TB, since time.Time, moves int) []span {
	t.Helper()
	spans := w.since(since)
	if len(spans) <= moves+1 {
		return spans
	}
	var lines []string
	for _, s := range spans {
		lines = append(lines, fmt.Sprintf("%s from %s to %s, %d frames", s.node, s.first.Format("05.000000"), s.last.Format("05.000000"), s.frames))
	}
	t.Fatalf("two nodes spoke as %s, in %d moves:\n%s", w.address, moves, strings.Join(lines, "\n"))
	return nil
}

// both tells for how long two nodes spoke as the address, in one move.
func (w *wire) both(since time.Time) time.Duration {
	spans := w.since(since)
	if len(spans) <= 2 {
		return 0
	}
	return spans[len(spans)-1].last.Sub(spans[1].first)
}
