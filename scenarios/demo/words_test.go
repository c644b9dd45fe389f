// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func TestBrief(t *testing.T) {
	for reason, want := range map[string]string{
		"no heartbeat for 311.41812ms, limit 305ms (3 beats of 100ms)":                 "no heartbeat for 311ms",
		"proven: connection refused by 10.77.0.1:8080, after an open connection ended": "connection refused by 10.77.0.1:8080",
		"not heard by lb1, lb2, web1 (3 of 5 voters, 3 needed)":                        "not heard by lb1, lb2, web1 (3 of 5)",
		"2 successes in a row": "2 successes in a row",
	} {
		if got := brief(reason); got != want {
			t.Errorf("brief(%q) = %q, want %q", reason, got, want)
		}
	}
}

// TestWords tells a whole act from the streams of several nodes: each thing once, and nothing about others.
func TestWords(t *testing.T) {
	event := func(from, kind, subject, to string) sighting {
		return sighting{from: from, Notice: cluster.Notice{Event: cluster.Event{Kind: kind, Subject: subject, To: to, Reason: "because"}}}
	}
	w := newWords(ActNode, "web3")
	var got []string
	for _, s := range []sighting{
		event("web3", "node.suspect", "web1", ""), // cut off, it suspects everybody else
		event("lb2", "node.suspect", "web3", ""),
		event("lb1", "node.suspect", "web3", ""),
		event("lb1", "balancer.server", "lb1:web/web3", "draining"),
		event("lb2", "balancer.server", "lb2:web/web3", "draining"),
		event("lb1", "balancer.server", "lb1:web/web1", "draining"),
		event("lb2", cluster.EventCondemned, "web3", "down"),
		event("web1", cluster.EventCondemned, "web3", "down"),
		event("lb1", "balancer.server", "lb1:web/web3", "out"),
		event("web3", "node.new-life", "web3", ""),
		event("lb1", cluster.EventAdmitted, "web3", "alive"),
		event("lb1", "balancer.server", "lb1:web/web3", "warming"),
		event("lb1", "balancer.server", "lb1:web/web3", "ready"),
		event("lb2", "balancer.server", "lb2:web/web3", "ready"),
		event("web3", "member.probe", "web/web3", ""),
	} {
		if m, ok := w.of(s); ok {
			got = append(got, m.who+" "+m.what)
		}
	}
	want := []string{
		"lb2 suspects web3: because",
		"lb1 takes web3 out of rotation",
		"lb2 takes web3 out of rotation",
		"cluster condemns web3: because",
		"web3 learns that it was condemned, and begins a new life",
		"cluster admits web3, which because",
		"lb1 sends requests to web3 again",
		"lb2 sends requests to web3 again",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLines: what is seen late is told in its place, and a terminal's line of progress stands below.
func TestLines(t *testing.T) {
	var out bytes.Buffer
	story := newNarrator(Options{Story: &out, Live: true, Width: 60})
	l := &lines{story: story}
	start := time.Now()
	add := func(after time.Duration, who, what string) {
		l.add(start.Add(after), moment{after: after, glyph: "·", who: who, what: what})
	}
	story.progress("waiting")
	add(20*time.Millisecond, "kept", "second")
	add(10*time.Millisecond, "lb1", "first, with so many words that they do not fit the line")
	add(time.Second, "peer", "third")
	l.tell(start.Add(500 * time.Millisecond))
	story.progress("")
	l.tell(start.Add(2 * time.Second))
	want := "waiting" +
		"\r\x1b[2K    +10.0 ms  · lb1      first, with so many words that the…\nwaiting" +
		"\r\x1b[2K    +20.0 ms  · kept     second\nwaiting" +
		"\r\x1b[2K" +
		"  +1000.0 ms  · peer     third\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
