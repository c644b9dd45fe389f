// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"strings"
	"time"
	"unicode"
)

const (
	// Margin is how long before the deadline the last act may begin that needs the right: what an act takes from the
	// decision to the wire when nothing disturbs it, ten times over. What is disturbed for longer is judged again after the
	// act (rule N6), and cut off by the gate.
	Margin = 10 * time.Millisecond
	// HorizonMax is how far off a deadline may be. The longest right that a profile gives is seconds; what is further off
	// was made with another clock.
	HorizonMax = 2 * time.Minute
	// Patience is how long a guard that has just begun leaves what it finds to the deadlines that are in the kernel, for a
	// supervisor to order it: a guard that was killed and begun again costs no request.
	Patience = 500 * time.Millisecond
	// LookEvery is how often the links are looked at when nothing happens.
	LookEvery = time.Second
	// lookGap is the least time between two looks.
	lookGap = 50 * time.Millisecond
	// ReportEvery is how often the supervisor hears of the guard when nothing happens.
	ReportEvery = 500 * time.Millisecond
	// refreshGap is the least time between two refreshes of an address. The kernel counts its life in seconds, so asking
	// more often buys nothing.
	refreshGap = 250 * time.Millisecond
	// probeGood is how long the answer of a probe may be acted upon.
	probeGood = time.Second
	// retryMin and retryMax bound the wait after an operation that failed.
	retryMin, retryMax = 50 * time.Millisecond, 2 * time.Second
	// removeMax bounds the wait after a removal that failed.
	removeMax = 500 * time.Millisecond
	// prepareMax bounds the wait after a gate that could not be made ready, as on a link that is not there.
	prepareMax = 10 * time.Second
	// takenMin and takenMax bound the wait after a probe that heard of a stranger.
	takenMin, takenMax = 100 * time.Millisecond, 5 * time.Second
	// robbedForget is after how long a removal by others is no longer held against the next one.
	robbedForget = time.Minute
	// announceMin and announceMax bound the wait between announcements, which doubles: caches that missed the first ones, and
	// switches whose port did not forward yet, hear of it in the end.
	announceMin, announceMax = time.Second, time.Minute
	// whyMax is the longest reason that comes from outside, in bytes.
	whyMax = 200
)

// pause is the wait after failures. It doubles from one to the next.
type pause struct {
	until  Instant
	length time.Duration
	why    string
}

func (p *pause) after(now Instant, least, most time.Duration, why string) {
	p.length = min(max(2*p.length, least), most)
	p.until, p.why = now.Add(p.length), clip(why)
}

// clip makes a text from outside fit for one line.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > whyMax {
		s = strings.ToValidUTF8(s[:whyMax], "")
	}
	return s
}
