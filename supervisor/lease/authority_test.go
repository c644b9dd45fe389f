// SPDX-License-Identifier: Apache-2.0

package lease_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

var start = time.Unix(1000, 0)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// TestBook sends heartbeats 1, 3, 5 and 7 at 100, 300, 500 and 700 ms; the numbers
// between them were other messages.
func TestBook(t *testing.T) {
	type ack struct {
		voter string
		seq   uint64
	}
	three := []string{"me", "b", "c"}
	for _, tc := range []struct {
		name   string
		voters []string
		acks   []ack
		want   int // ms; -1 = no authority at all
	}{
		{"no voters", nil, nil, -1},
		{"alone", []string{"me"}, nil, 1000},
		{"nobody answers", three, nil, -1},
		{"one answers", three, []ack{{"b", 5}}, 500},
		{"a message after the heartbeat proves the heartbeat's time", three, []ack{{"b", 6}}, 500},
		{"a message before the first heartbeat proves nothing", three, []ack{{"b", 0}}, -1},
		{"more than we have sent proves no more than the newest", three, []ack{{"b", 99}}, 700},
		{"an old answer that comes late changes nothing", three, []ack{{"b", 5}, {"b", 1}}, 500},
		{"the newer of two", three, []ack{{"b", 1}, {"c", 5}}, 500},
		{"two of four others, the second newest counts", []string{"me", "b", "c", "d", "e"}, []ack{{"b", 1}, {"c", 5}, {"d", 7}}, 500},
		{"one of four others is no majority", []string{"me", "b", "c", "d", "e"}, []ack{{"b", 7}}, -1},
		{"an even number needs one more", []string{"me", "b", "c", "d"}, []ack{{"b", 7}}, -1},
		{"we do not vote", []string{"b", "c", "d"}, []ack{{"b", 7}}, -1},
		{"we do not vote, two answer", []string{"b", "c", "d"}, []ack{{"b", 7}, {"c", 3}}, 300},
		{"strangers do not count", three, []ack{{"x", 7}}, -1},
		{"nobody counts twice", []string{"me", "me", "b", "b", "b", "c"}, []ack{{"b", 3}}, 300},
		{"we alone, twice", []string{"me", "me", "b"}, nil, -1},
	} {
		b := lease.NewBook("me")
		for i, seq := range []uint64{1, 3, 5, 7} {
			b.Sent(seq, at(100+200*i))
		}
		for _, a := range tc.acks {
			b.Acked(a.voter, a.seq)
		}
		got, ok := b.Instant(at(1000), tc.voters)
		if ok != (tc.want >= 0) || (ok && !got.Equal(at(tc.want))) {
			t.Errorf("%s: %s %t, want %d ms", tc.name, got.Sub(start), ok, tc.want)
		}
		age := time.Duration(1000-tc.want) * time.Millisecond
		if holds := b.Holds(at(1000), tc.voters, age); holds != ok {
			t.Errorf("%s: holds %t at its age", tc.name, holds)
		}
		if ok && b.Holds(at(1000), tc.voters, age-time.Nanosecond) {
			t.Errorf("%s: holds beyond its age", tc.name)
		}
		b.Reset()
		if _, ok := b.Instant(at(1000), three); ok {
			t.Errorf("%s: something is left after the reset", tc.name)
		}
	}
}

func TestBehind(t *testing.T) {
	b := lease.NewBook("me")
	b.Sent(1, at(0))
	b.Acked("b", 1)
	b.Sent(2, at(500))
	b.Acked("c", 2)
	for _, tc := range []struct {
		now, age, want int
	}{{500, 500, 3}, {600, 500, 2}, {1100, 500, 1}} {
		if got := b.Behind(at(tc.now), []string{"me", "b", "c", "c", "d"}, time.Duration(tc.age)*time.Millisecond); got != tc.want {
			t.Errorf("%d voters at %d ms, want %d", got, tc.now, tc.want)
		}
	}
}

// TestOldHeartbeatsAreForgotten shows that the memory of what was sent is bounded,
// and that who acknowledges what is forgotten acknowledges nothing.
func TestOldHeartbeatsAreForgotten(t *testing.T) {
	b := lease.NewBook("me")
	for i := range 10_000 {
		b.Sent(uint64(i+1), at(i))
	}
	b.Acked("b", 100)
	if _, ok := b.Instant(at(10_000), []string{"me", "b"}); ok {
		t.Error("a heartbeat that was forgotten gives authority")
	}
	b.Acked("b", 9_900)
	if got, ok := b.Instant(at(10_000), []string{"me", "b"}); !ok || !got.Equal(at(9_899)) {
		t.Errorf("%s %t", got.Sub(start), ok)
	}
}

// TestBookProperties plays random beats and answers against a model that looks
// everything up in the full history.
func TestBookProperties(t *testing.T) {
	all := []string{"me", "b", "c", "d", "e", "x"}
	rapid.Check(t, func(t *rapid.T) {
		b := lease.NewBook("me")
		var sent []int            // ms of each heartbeat; its number is twice its place, plus one
		acked := map[string]int{} // by voter, the newest heartbeat that it acknowledged, by place
		now, seq := 0, uint64(0)  // seq is of our newest message
		voters := rapid.SliceOfN(rapid.SampledFrom(all), 0, 7).Draw(t, "voters")
		previous := time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.IntRange(0, 50).Draw(t, "passes")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				sent = append(sent, now)
				seq = uint64(2*len(sent) - 1)
				b.Sent(seq, at(now))
			default:
				voter, upTo := rapid.SampledFrom(all).Draw(t, "voter"), rapid.Uint64Range(0, seq+1).Draw(t, "seq")
				b.Acked(voter, upTo)
				if place := int(upTo+1)/2 - 1; place >= 0 && place < len(sent) {
					acked[voter] = max(acked[voter], place+1)
				}
			}
			got, ok := b.Instant(at(now), voters)
			want, wantOK := model(now, voters, sent, acked)
			if ok != wantOK || (ok && !got.Equal(at(want))) {
				t.Fatalf("at %d with voters %v: %s %t, want %d %t", now, voters, got.Sub(start), ok, want, wantOK)
			}
			if ok && (got.After(at(now)) || got.Before(previous)) {
				t.Fatalf("at %d the instant is %s, and was %s", now, got.Sub(start), previous.Sub(start))
			}
			if ok {
				previous = got
			}
			// A clock that runs backwards never makes an age negative.
			if early, ok := b.Instant(at(now-1000), voters); ok && early.After(at(now-1000)) {
				t.Fatalf("the instant is %s ahead", early.Sub(at(now-1000)))
			}
		}
	})
}

// model finds the newest moment for which a majority of the voters has each
// acknowledged a heartbeat that was sent then or later.
func model(now int, voters []string, sent []int, acked map[string]int) (int, bool) {
	voters = slices.Compact(slices.Sorted(slices.Values(voters)))
	for ms := now; ms >= 0; ms-- {
		behind := 0
		for _, v := range voters {
			if place := acked[v]; v == "me" || (place > 0 && sent[place-1] >= ms) {
				behind++
			}
		}
		if 2*behind > len(voters) {
			return ms, true
		}
	}
	return 0, false
}
