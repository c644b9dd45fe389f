// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"slices"
	"time"
)

// sentKept is how many of our own heartbeats are remembered, at least. At the shortest
// interval of 50 ms that is 12.8 s, far beyond any age that still gives rights.
const sentKept = 256

// Book keeps when our heartbeats were sent and who acknowledged them.
type Book struct {
	self string
	sent []beat
	acks map[string]time.Time // per voter: send time of our newest heartbeat that it acknowledged
}

type beat struct {
	seq uint64
	at  time.Time
}

// NewBook returns an empty book of the node self.
func NewBook(self string) *Book {
	return &Book{self: self, acks: map[string]time.Time{}}
}

// Sent records that our heartbeat seq left at the given time.
func (b *Book) Sent(seq uint64, at time.Time) {
	b.sent = append(b.sent, beat{seq, at})
	if len(b.sent) > 2*sentKept {
		b.sent = slices.Delete(b.sent, 0, len(b.sent)-sentKept)
	}
}

// Acked records that a voter has seen our messages up to seq. What it
// acknowledges is the newest heartbeat that we sent with this number or less.
func (b *Book) Acked(voter string, seq uint64) {
	for _, s := range slices.Backward(b.sent) {
		if s.seq > seq {
			continue
		}
		if s.at.After(b.acks[voter]) {
			b.acks[voter] = s.at
		}
		return
	}
}

// Reset forgets everything: a new life earns its authority anew.
func (b *Book) Reset() {
	b.sent, b.acks = nil, map[string]time.Time{}
}

// Instant returns the send time of our newest heartbeat that a majority of the
// voters has acknowledged; ourselves we acknowledge at once. The second value
// is false when there is none.
func (b *Book) Instant(now time.Time, voters []string) (time.Time, bool) {
	voters = unique(voters)
	var few [16]time.Time // as many voters as clusters usually have, without asking for memory
	at := few[:0]
	for _, v := range voters {
		if t, ok := b.acked(now, v); ok {
			at = append(at, t)
		}
	}
	need := len(voters)/2 + 1
	if len(at) < need {
		return time.Time{}, false
	}
	slices.SortFunc(at, func(x, y time.Time) int { return y.Compare(x) })
	return at[need-1], true
}

// Holds tells whether the node has authority: a majority acknowledged a
// heartbeat that was sent at most maxAge ago.
func (b *Book) Holds(now time.Time, voters []string, maxAge time.Duration) bool {
	at, ok := b.Instant(now, voters)
	return ok && now.Sub(at) <= maxAge
}

// Behind returns how many of the voters acknowledged a heartbeat that was sent
// at most maxAge ago; ourselves we acknowledge at once.
func (b *Book) Behind(now time.Time, voters []string, maxAge time.Duration) int {
	n := 0
	for _, v := range unique(voters) {
		if at, ok := b.acked(now, v); ok && now.Sub(at) <= maxAge {
			n++
		}
	}
	return n
}

// acked returns the send time of our newest heartbeat that the voter has
// acknowledged. It is never later than now, even if a clock ran backwards.
func (b *Book) acked(now time.Time, voter string) (time.Time, bool) {
	if voter == b.self {
		return now, true
	}
	at, ok := b.acks[voter]
	if at.After(now) {
		at = now
	}
	return at, ok
}

// unique returns the voters, each once.
func unique(voters []string) []string {
	if ascend(voters) {
		return voters
	}
	return slices.Compact(slices.Sorted(slices.Values(voters)))
}

// ascend tells whether every voter comes after the one before.
func ascend(voters []string) bool {
	for i := 1; i < len(voters); i++ {
		if voters[i-1] >= voters[i] {
			return false
		}
	}
	return true
}
