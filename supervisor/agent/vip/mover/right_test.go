// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"testing"
	"time"
)

// TestRightOfASleeper: a machine that slept has no right before one that was founded since.
func TestRightOfASleeper(t *testing.T) {
	r := newRight()
	since := time.Now()
	r.set(since, since.Add(time.Hour))
	if r.over() {
		t.Fatal("it was given an hour")
	}
	r.note(time.Now(), r.ahead+sleptMin/2)
	if r.over() {
		t.Fatal("the two readings were a little apart")
	}
	r.note(time.Now(), r.ahead+time.Minute)
	if !r.over() {
		t.Fatal("it slept for a minute")
	}
	if r.set(since, since.Add(2*time.Hour)); !r.over() {
		t.Fatal("an answer to a heartbeat from before the sleep came after it")
	}
	since = time.Now()
	if news := r.set(since, since.Add(time.Hour)); !news || r.over() {
		t.Fatalf("news %t: it has a right again", news)
	}
}

// TestRightIsNews: only what shortens the right or brings it back needs to be looked at before the deadline known so far.
func TestRightIsNews(t *testing.T) {
	r := newRight()
	at := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for i, c := range []struct {
		until time.Time
		news  bool
	}{
		{at(-time.Minute), false},
		{at(time.Hour), true},
		{at(2 * time.Hour), false},
		{at(time.Hour), true},
		{time.Time{}, true},
		{time.Time{}, false},
		{at(3 * time.Hour), true},
	} {
		if news := r.set(at(0), c.until); news != c.news {
			t.Errorf("%d: news %t, want %t", i, news, c.news)
		}
		_, until, _ := r.read()
		if !until.Equal(c.until) {
			t.Errorf("%d: until %s, want %s", i, until, c.until)
		}
	}
}

// TestBrokenRightIsRemembered: a right that ran out and came back between two readings was away.
func TestBrokenRightIsRemembered(t *testing.T) {
	r := newRight()
	r.set(time.Now(), time.Now().Add(time.Hour))
	r.read()
	if _, _, broken := r.read(); broken {
		t.Fatal("it lasts")
	}
	r.set(time.Time{}, time.Time{})
	r.set(time.Now(), time.Now().Add(time.Hour))
	if _, until, broken := r.read(); !broken || until.IsZero() {
		t.Fatalf("broken %t, until %s", broken, until)
	}
}
