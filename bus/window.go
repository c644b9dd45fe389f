// SPDX-License-Identifier: Apache-2.0

package bus

// Bounds of a Window.
const (
	// WindowSeqs is how many sequence numbers behind the newest one are still told apart; anything older is refused.
	WindowSeqs = 1024
	// WindowSenders is how many senders (a node's installation) are remembered; the one silent for longest is forgotten first.
	WindowSenders = 256

	windowWords = WindowSeqs / 64
)

// Window accepts the first copy of each frame and refuses all others, copies from a second rail and replays alike. Each installation of a node has a
// window of its own, so two installations under one name cannot make each other's old frames new again. The zero value is ready; it is not safe for
// concurrent use.
type Window struct {
	senders []sender
	clock   uint64 // counts accepted frames; orders the senders by age
}

// sender is what is remembered of one installation.
type sender struct {
	from    string
	install uint64
	boot    uint64
	top     uint64 // the newest sequence number of this life
	used    uint64 // clock at the last accepted frame
	seen    [windowWords]uint64
}

// Accept reports whether this is the first frame with these numbers. A newer boot of an installation replaces the older one; an older boot is refused.
func (w *Window) Accept(from string, install, boot, seq uint64) bool {
	s := w.find(from, install)
	switch {
	case s == nil:
		s = w.add()
		*s = sender{from: from, install: install, boot: boot, top: seq}
	case boot < s.boot:
		return false
	case boot > s.boot:
		*s = sender{from: from, install: install, boot: boot, top: seq}
	case !s.advance(seq):
		return false
	}
	s.mark(seq)
	w.clock++
	s.used = w.clock
	return true
}

// find returns the sender or nil. A walk over a short slice is faster than a map for the handful of nodes in a cluster, and has one order.
func (w *Window) find(from string, install uint64) *sender {
	for i := range w.senders {
		if s := &w.senders[i]; s.install == install && s.from == from {
			return s
		}
	}
	return nil
}

// add returns room for one more sender: a new place, or that of the sender which was silent for longest.
func (w *Window) add() *sender {
	if len(w.senders) < WindowSenders {
		w.senders = append(w.senders, sender{})
		return &w.senders[len(w.senders)-1]
	}
	oldest := &w.senders[0]
	for i := range w.senders {
		if w.senders[i].used < oldest.used {
			oldest = &w.senders[i]
		}
	}
	return oldest
}

// advance moves the window up to seq where it is newer; it reports whether seq is inside the window and not yet marked.
func (s *sender) advance(seq uint64) bool {
	if seq <= s.top {
		return s.top-seq < WindowSeqs && s.seen[seq%WindowSeqs/64]&(1<<(seq%64)) == 0
	}
	if seq-s.top >= WindowSeqs {
		s.seen = [windowWords]uint64{}
	} else {
		for n := s.top + 1; n < seq; n++ {
			s.seen[n%WindowSeqs/64] &^= 1 << (n % 64)
		}
	}
	s.top = seq
	return true
}

// mark remembers seq.
func (s *sender) mark(seq uint64) { s.seen[seq%WindowSeqs/64] |= 1 << (seq % 64) }
