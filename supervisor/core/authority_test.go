// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// TestAcknowledgements gives n1, which is one of three voters and so needs one more, one acknowledgement of each kind.
func TestAcknowledgements(t *testing.T) {
	for name, c := range map[string]struct {
		from string
		edit func(*bus.Envelope, *bus.Heartbeat)
		want bool
	}{
		"of an admitted voter":        {"n2", func(*bus.Envelope, *bus.Heartbeat) {}, true},
		"of another one":              {"n3", func(*bus.Envelope, *bus.Heartbeat) {}, true},
		"of a node without a vote":    {"n4", func(*bus.Envelope, *bus.Heartbeat) {}, false},
		"of a stranger":               {"n9", func(*bus.Envelope, *bus.Heartbeat) {}, false},
		"of another installation":     {"n2", func(e *bus.Envelope, _ *bus.Heartbeat) { e.Install = 12 }, false},
		"of a former life":            {"n2", func(e *bus.Envelope, _ *bus.Heartbeat) { e.Boot = 4 }, false},
		"of a life not yet admitted":  {"n2", func(e *bus.Envelope, _ *bus.Heartbeat) { e.Boot = 6 }, false},
		"of another cluster":          {"n2", func(e *bus.Envelope, _ *bus.Heartbeat) { e.Cluster = "c2" }, false},
		"with the file before":        {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Revision = 4 }, true},
		"with the file after":         {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Revision = 6 }, true},
		"with an old file":            {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Revision = 3 }, false},
		"with a file two ahead":       {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Revision = 7 }, false},
		"without a file":              {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Revision = 0 }, false},
		"of our former life":          {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Seen[0].Boot = 4 }, false},
		"of a life that is not ours":  {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Seen[0].Boot = 6 }, false},
		"of another installation's":   {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Seen[0].Install = 7 }, false},
		"about another node":          {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Seen[0].Node = "n3" }, false},
		"about nobody":                {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Seen = nil }, false},
		"before we had said anything": {"n2", func(_ *bus.Envelope, h *bus.Heartbeat) { h.Seen[0].Seq = 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := admitted(t)
			if why := a.Authority(); !strings.HasPrefix(why, "no quorum: 1 of 3 voters") {
				t.Fatalf("before: %q", why)
			}
			hb := a.acknowledges()
			in := a.from(c.from, hb)
			c.edit(&in.Envelope, hb)
			a.step(time.Millisecond, in)
			a.pass(lan.Beat)
			if why := a.Authority(); (why == "") != c.want {
				t.Fatalf("authority: %t (%s), want %t", why == "", why, c.want)
			}
			if until := a.out.Until; until.After(a.now) != c.want {
				t.Fatalf("until %s at %s", until, a.now)
			}
		})
	}
}

// TestAuthorityEnds: it has the age of what was acknowledged, however late the acknowledgement came, and ends by itself.
func TestAuthorityEnds(t *testing.T) {
	a := admitted(t)
	sent, first := a.now, a.acknowledges()
	a.pass(300 * time.Millisecond)
	a.step(0, a.from("n2", first))
	a.pass(lan.Pulse)
	if want := sent.Add(lan.QuorumAge); !a.out.Until.Equal(want) {
		t.Fatalf("until %s after it was sent, want %s", a.out.Until.Sub(sent), lan.QuorumAge)
	}
	a.pass(a.out.Until.Sub(a.now))
	if a.Authority() != "" {
		t.Fatalf("it ends too early: %s", a.Authority())
	}
	if due := a.Due(); due.After(a.now.Add(time.Nanosecond)) {
		t.Fatalf("nobody looks for %s", due.Sub(a.now))
	}
	a.step(time.Nanosecond)
	if a.Authority() == "" || !a.out.Until.IsZero() {
		t.Fatalf("it goes on: %q, until %s", a.Authority(), a.out.Until)
	}
	if !a.out.NewDuties || a.out.Duties[0].Frozen != a.Authority() {
		t.Fatalf("the balancer is not told: %+v", a.out.Duties)
	}
}

// TestNewLifeEarnsItsAuthority: what the former life was acknowledged for does not count for the next.
func TestNewLifeEarnsItsAuthority(t *testing.T) {
	a := admitted(t)
	former := a.acknowledges()
	a.step(time.Millisecond, a.from("n2", former))
	a.pass(lan.Pulse)
	if a.Authority() != "" {
		t.Fatal(a.Authority())
	}
	a.step(0, core.Born{Boot: 6, Reason: "the former one was condemned"})
	if a.Authority() == "" || !a.out.Until.IsZero() {
		t.Fatalf("it takes its authority along, until %s", a.out.Until)
	}
	a.step(0, a.from("n2", former))
	a.pass(2 * lan.Beat)
	a.step(0, a.from("n3", former))
	a.pass(lan.Pulse)
	if a.Authority() == "" {
		t.Fatal("the former life's acknowledgement counts")
	}
	a.step(0, a.from("n2", &bus.Heartbeat{Revision: 5, Seen: []bus.Seen{{Node: "n1", Install: 1, Boot: 6, Seq: a.sent}}}))
	a.pass(lan.Pulse)
	if a.Authority() != "" {
		t.Fatal(a.Authority())
	}
}

// TestOnlyAdmittedLivesAreAcknowledged looks at what n1 acknowledges of the others.
func TestOnlyAdmittedLivesAreAcknowledged(t *testing.T) {
	condemned := []cluster.Body{cluster.Condemn{Node: "n3", Epoch: 3, Votes: []cluster.NodeID{"n1", "n2"}, Reason: "the test says so"}}
	for name, c := range map[string]struct {
		log  []cluster.Body
		from []uint64 // installation, life and number of what comes from n3
		want []bus.Seen
	}{
		"the admitted life":       {nil, []uint64{3, 5, 7}, []bus.Seen{{Node: "n3", Install: 3, Boot: 5, Seq: 7}}},
		"the newest number":       {nil, []uint64{3, 5, 7, 3, 5, 9}, []bus.Seen{{Node: "n3", Install: 3, Boot: 5, Seq: 9}}},
		"an older number":         {nil, []uint64{3, 5, 7, 3, 5, 6}, []bus.Seen{{Node: "n3", Install: 3, Boot: 5, Seq: 7}}},
		"another installation":    {nil, []uint64{13, 5, 7}, nil},
		"a second installation":   {nil, []uint64{3, 5, 7, 13, 5, 9}, []bus.Seen{{Node: "n3", Install: 3, Boot: 5, Seq: 7}}},
		"a former life":           {nil, []uint64{3, 4, 7}, nil},
		"a former life comes too": {nil, []uint64{3, 5, 7, 3, 4, 9}, []bus.Seen{{Node: "n3", Install: 3, Boot: 5, Seq: 7}}},
		"a life not yet admitted": {nil, []uint64{3, 6, 7}, nil},
		"a life that is over":     {condemned, []uint64{3, 5, 7}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := admitted(t, c.log...)
			for f := c.from; len(f) > 0; f = f[3:] {
				in := a.from("n3", &bus.Heartbeat{Revision: 5})
				in.Envelope.Install, in.Envelope.Boot, in.Envelope.Seq = f[0], f[1], f[2]
				a.step(time.Millisecond, in)
			}
			a.pass(2 * lan.Beat)
			if diff := cmp.Diff(c.want, a.beat.Seen, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNewLivesAreAcknowledged: a node that was started again, or installed anew, counts its messages from the beginning, and is
// acknowledged as soon as it is let in.
func TestNewLivesAreAcknowledged(t *testing.T) {
	for name, next := range map[string]cluster.Admit{
		"started again":  {Node: "n3", Install: 3, Boot: 6, Reason: "was heard by others"},
		"installed anew": {Node: "n3", Install: 33, Boot: 1, Reason: "was heard by others"},
	} {
		t.Run(name, func(t *testing.T) {
			a := leading(t)
			for range 9 {
				a.step(time.Millisecond, a.from("n3", &bus.Heartbeat{Revision: 5}))
			}
			a.asks("r1", next)
			a.pass(lan.Pulse)
			in := a.from("n3", &bus.Heartbeat{Revision: 5})
			in.Envelope.Install, in.Envelope.Boot, in.Envelope.Seq = next.Install, next.Boot, 2
			a.step(0, in)
			a.pass(2 * lan.Beat)
			if diff := cmp.Diff([]bus.Seen{{Node: "n3", Install: next.Install, Boot: next.Boot, Seq: 2}}, a.beat.Seen); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWithoutAuthority: whoever is not in the cluster file stands for nothing, whatever is acknowledged.
func TestWithoutAuthority(t *testing.T) {
	without := threeNodes()
	without.Nodes = without.Nodes[1:]
	without.Balancers = nil
	a := admitted(t, cluster.SetSpec{Spec: without, Known: 5})
	for _, node := range []string{"n2", "n3"} {
		a.step(time.Millisecond, a.from(node, a.acknowledges()))
	}
	a.pass(lan.Beat)
	if why := a.Authority(); !strings.Contains(why, "not in the cluster file any more") {
		t.Fatalf("got %q", why)
	}
}
