// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// toldWithin is how long it may take until a node's event stream tells what was committed.
	toldWithin = time.Second
	// roundedBy is how exactly the times of events are told: they are in milliseconds, of whoever proposed.
	roundedBy = 20 * time.Millisecond
)

// errNotTold is why it cannot be said yet whether a node may speak as an address.
var errNotTold = errors.New("a node took it over just now, and its events are still on their way")

// wire watches who sends anything as the address of a resource.
type wire struct {
	address netip.Prefix

	mu     sync.Mutex
	strays map[string]bool // machines that were given it by hand
	spans  []span
}

// span is a time in which a node sent something as the address, and no other node did.
type span struct {
	node        string
	first, last time.Time
	frames      int
}

// tapAll watches a machine, which was just given power.
func (s *Stage) tapAll(m *fleet.Machine) error {
	if len(s.wires) == 0 || m.Supervisor == nil {
		return nil
	}
	return s.world.Tap(s.ended, m.Node, 0, func(at time.Time, frame []byte) {
		for _, w := range s.wires {
			if lab.SpeaksAs(frame, w.address.Addr()) {
				w.note(m.Name, at)
			}
		}
	})
}

// note keeps a frame. Frames of two nodes come out of order by what it takes to read them, so each is put where its time belongs.
func (w *wire) note(node string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.spans)
	switch {
	case w.strays[node]:
	case n > 0 && w.spans[n-1].node == node:
		w.spans[n-1].take(at)
	case n > 1 && w.spans[n-2].node == node && !at.After(w.spans[n-1].first):
		w.spans[n-2].take(at)
	default:
		w.spans = append(w.spans, span{node: node, first: at, last: at, frames: 1})
	}
}

func (s *span) take(at time.Time) {
	if s.frames++; at.After(s.last) {
		s.last = at
	}
}

// stray remembers that a machine was given the address by hand, or not any more.
func (w *wire) stray(machine string, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strays[machine] = is
}

func (w *wire) isStray(machine string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.strays[machine]
}

// given is that the cluster gave a resource to a node.
type given struct {
	node string
	at   time.Time
}

// twice finds a node that spoke as the address after another one had, without having been given it anew.
func (w *wire) twice(now time.Time, to []given) (seen string, twice bool, err error) {
	w.mu.Lock()
	spans := slices.Clone(w.spans)
	w.mu.Unlock()
	next := 0
	for i, s := range spans {
		for next < len(to) && to[next].node != s.node {
			next++
		}
		switch {
		case next < len(to) && !to[next].at.After(s.first.Add(roundedBy)):
			next++
		case now.Sub(s.first) < toldWithin:
			return "", false, errNotTold
		default:
			return "two nodes spoke as " + w.address.Addr().String() + ": " + worded(spans[max(0, i-2):i+1]), true, nil
		}
	}
	if len(spans) == 0 {
		return "nobody spoke as " + w.address.Addr().String(), false, nil
	}
	return worded(spans[len(spans)-1:]), false, nil
}

func worded(spans []span) string {
	var out []string
	for _, s := range spans {
		out = append(out, fmt.Sprintf("%s from %s to %s, %d frames", s.node, s.first.Format("05.000"), s.last.Format("05.000"), s.frames))
	}
	return strings.Join(out, "; ")
}

// Twice tells whether two nodes had a resource, by what they sent.
func (s sight) Twice(resource string) (seen string, twice bool, err error) {
	var to []given
	for _, n := range s.journal.all() {
		if n.Kind == cluster.EventGiven && n.Subject == resource {
			to = append(to, given{n.To, time.UnixMilli(n.At)})
		}
	}
	slices.SortStableFunc(to, func(a, b given) int { return a.at.Compare(b.at) })
	return s.wires[resource].twice(time.Now(), to)
}

// Holds tells whether a machine has the address of a resource, as its kernel shows it.
func (s sight) Holds(ctx context.Context, resource, machine string) (bool, error) {
	m, err := s.node(machine)
	if err != nil {
		return false, err
	}
	w := s.wires[resource]
	if !m.Node.PoweredOn() || w.isStray(machine) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	out, err := m.Node.Run(ctx, "ip", "-o", "addr", "show", "to", w.address.Addr().String())
	return len(out) > 0, err
}
