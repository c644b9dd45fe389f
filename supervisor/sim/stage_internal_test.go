// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// lan are the times of the profile lan.
func lan() core.Times {
	const beat = 100 * time.Millisecond
	return core.Times{
		Profile: "lan", Beat: beat, Missed: 3, Pulse: beat / 2, Slack: beat / 10, SuspectAfter: 3 * beat,
		Terms:   lease.Terms{Hold: 12 * beat, Pause: 5 * beat, Margin: beat / 5, Drift: 0.05},
		VoteTTL: 3 * beat, FreshWithin: beat * 3 / 2, QuorumAge: 5 * beat, StartGrace: 30 * beat, ElectionPulses: 8,
	}
}

// opened is a stage on which a script could begin.
func opened(t *testing.T, c script.Cluster) *Stage {
	t.Helper()
	s := NewStage(c, 1, lan())
	was := rand.Reader
	rand.Reader = s.Dice()
	t.Cleanup(func() { rand.Reader = was })
	if err := s.Pass(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBrokenPromiseFailsThePlay: what a checker finds is an error of everything that is asked from then on.
func TestBrokenPromiseFailsThePlay(t *testing.T) {
	s := opened(t, script.Cluster{Web: 3, Balancers: 1})
	s.w.do(time.Second, func() { s.w.violate("a promise (S0)", "it is broken for a test") })
	err := s.Pass(t.Context(), 5*time.Second)
	_, _, looked := s.Look(t.Context(), script.Cond{Kind: script.AllWell})
	for what, err := range map[string]error{
		"pass": err, "look": looked, "order": s.Order(t.Context(), script.Order{Verb: script.Drain, Target: "web/web1"}),
		"fault": s.Fault(t.Context(), script.Fault{Kind: script.Kill, Node: "web1"}),
	} {
		if err == nil || !strings.Contains(err.Error(), "a promise (S0): it is broken for a test (at 2s)") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s.Now() != 2*time.Second {
		t.Errorf("time went on to %s", s.Now())
	}
}

// TestClusterThatNeverIsWell: a cluster that cannot become well ends the play before its first step.
func TestClusterThatNeverIsWell(t *testing.T) {
	s := NewStage(script.Cluster{Web: 3, Balancers: 1}, 1, lan())
	was := rand.Reader
	defer func() { rand.Reader = was }()
	rand.Reader = s.Dice()
	s.w.machine("web1").app.set(appFails)
	err := s.Fault(t.Context(), script.Fault{Kind: script.Kill, Node: "web2"})
	if err == nil || !strings.Contains(err.Error(), "the cluster is not well within 2m0s") {
		t.Error(err)
	}
	if s.Now() != 0 {
		t.Errorf("the script began, %s ago", s.Now())
	}
}

// TestStopped: whoever stops a play is obeyed at once.
func TestStopped(t *testing.T) {
	s := opened(t, script.Cluster{Web: 3})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	now := s.Now()
	if err := s.Pass(ctx, time.Second); err == nil || s.Now() != now {
		t.Errorf("%v, and it is %s", err, s.Now())
	}
}

// TestUnknownLines: what the language does not have is refused.
func TestUnknownLines(t *testing.T) {
	s := opened(t, script.Cluster{Web: 1, Balancers: 1})
	for _, k := range []script.FaultKind{"", "dance"} {
		if err := s.Fault(t.Context(), script.Fault{Kind: k}); err == nil {
			t.Errorf("fault %q is done", k)
		}
	}
	if _, _, err := s.Look(t.Context(), script.Cond{Kind: "cheerful"}); err == nil {
		t.Error("a condition that there is not is judged")
	}
}
