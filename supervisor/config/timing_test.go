// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestProfiles checks that every profile derives, and so obeys every
// inequality, and that its estimates make sense.
func TestProfiles(t *testing.T) {
	if len(profiles()) != len(Profiles()) {
		t.Fatalf("%d profiles, %d names", len(profiles()), len(Profiles()))
	}
	for _, p := range Profiles() {
		tm, err := Derive(p)
		if err != nil {
			t.Error(err)
		}
		for _, q := range tm.Inequalities() {
			if q.Why == "" || q.Left == "" || q.Right == "" || q.Name == "" {
				t.Errorf("%s: %+v lacks words", p, q)
			}
		}
		for _, e := range tm.Estimates() {
			if e.From <= 0 || e.To < e.From {
				t.Errorf("%s: %s: %s to %s", p, e.Name, e.From, e.To)
			}
		}
	}
	if _, err := Derive("lam"); err == nil || err.Error() != `timing "lam": write lan, fast or wan; did you mean lan?` {
		t.Error(err)
	}
}

func TestDerive(t *testing.T) {
	for _, c := range []struct {
		profile                                                  string
		suspect, vote, fresh, age, stale, election, pulse, slack time.Duration
	}{
		{"fast", 150 * ms, 150 * ms, 75 * ms, 250 * ms, 500 * ms, 200 * ms, 25 * ms, 5 * ms},
		{"lan", 300 * ms, 300 * ms, 150 * ms, 500 * ms, time.Second, 400 * ms, 50 * ms, 10 * ms},
		{"wan", 1500 * ms, 1500 * ms, 750 * ms, 2500 * ms, 5 * time.Second, 2 * time.Second, 100 * ms, 50 * ms},
	} {
		got, err := Derive(c.profile)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []struct {
			name      string
			got, want time.Duration
		}{
			{"SuspectAfter", got.SuspectAfter, c.suspect},
			{"VoteTTL", got.VoteTTL, c.vote},
			{"FreshWithin", got.FreshWithin, c.fresh},
			{"QuorumAge", got.QuorumAge, c.age},
			{"StaleAfter", got.StaleAfter, c.stale},
			{"RaftElection", got.RaftElection(), c.election},
			{"Pulse", got.Pulse, c.pulse},
			{"Slack", got.Slack, c.slack},
		} {
			if v.got != v.want {
				t.Errorf("%s: %s is %s, want %s", c.profile, v.name, v.got, v.want)
			}
		}
	}
}

// TestBrokenTimings breaks each inequality in turn and wants it named.
func TestBrokenTimings(t *testing.T) {
	broken := map[string]bool{}
	for _, c := range []struct {
		name   string
		change func(*Timing)
	}{
		{"suspicion outlasts jitter", func(t *Timing) { t.Late = 150 * ms }},
		{"authority outlasts lost beats", func(t *Timing) { t.QuorumAge = 350 * ms }},
		{"the living are fresh", func(t *Timing) { t.FreshWithin = t.Beat }},
		{"the dead are not fresh", func(t *Timing) { t.FreshWithin = 250 * ms }},
		{"votes outlast a lost frame", func(t *Timing) { t.VoteTTL = t.Beat }},
		{"votes end with their voter", func(t *Timing) { t.VoteTTL = time.Second }},
		{"a pause is noticed before it accuses", func(t *Timing) { t.Pulse = 80 * ms }},
		{"elections wait for heartbeats", func(t *Timing) { t.DiskSync = 200 * ms }},
		{"elections wait for suspicion", func(t *Timing) { t.DiskSync, t.SuspectAfter, t.StaleAfter = 0, 450*ms, 2*time.Second }},
		{"routes survive a slow moment", func(t *Timing) { t.BusPing = 50 * ms }},
		{"rails are whole again soon", func(t *Timing) { t.BusPing = 30 * time.Second }},
		{"reports outlast suspicion", func(t *Timing) { t.StaleAfter = t.QuorumAge }},
		{"holding outlasts authority", func(t *Timing) { t.Hold = 400 * ms }},
		{"a lost holder is condemned before it is over", func(t *Timing) { t.QuorumAge, t.Hold = 410*ms, 410*ms }},
		{"the promise is kept", func(t *Timing) { t.TakeoverWithin = time.Second }},
	} {
		tm, err := Derive(ProfileLAN)
		if err != nil {
			t.Fatal(err)
		}
		c.change(&tm)
		err = tm.Check()
		if err == nil || !strings.HasPrefix(err.Error(), "timing lan: "+c.name+": ") {
			t.Errorf("%s: got %v", c.name, err)
		}
		broken[c.name] = true
	}
	for _, q := range (Timing{}).Inequalities() {
		if !broken[q.Name] {
			t.Errorf("no case breaks %q", q.Name)
		}
	}
}

// TestCheckMeansAll is the property: Check is silent exactly when all hold.
func TestCheckMeansAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm, err := Derive(rapid.SampledFrom(Profiles()).Draw(t, "profile"))
		if err != nil {
			t.Fatal(err)
		}
		scale := rapid.Int64Range(1, 40)
		for _, d := range []*time.Duration{&tm.Beat, &tm.SuspectAfter, &tm.FreshWithin, &tm.VoteTTL, &tm.QuorumAge, &tm.Pulse, &tm.Slack, &tm.BusPing} {
			*d = *d * time.Duration(scale.Draw(t, "tenths")) / 10
		}
		all := true
		for _, q := range tm.Inequalities() {
			if q.Holds != (q.LeftD >= q.RightD) {
				t.Errorf("%s: %s >= %s is said to be %v", q.Name, q.LeftD, q.RightD, q.Holds)
			}
			all = all && q.Holds
		}
		if (tm.Check() == nil) != all {
			t.Errorf("Check gives %v", tm.Check())
		}
	})
}

func TestRenderTiming(t *testing.T) {
	tm, err := Derive(ProfileLAN)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := RenderTiming(&b, tm); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/timing-lan.txt"
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
	if err := RenderTiming(full{}, tm); !errors.Is(err, errFull) {
		t.Errorf("a full disk gives %v", err)
	}
}

var errFull = errors.New("no space left")

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestTimingJSON(t *testing.T) {
	tm, err := Derive(ProfileFast)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(tm)
	if err != nil {
		t.Fatal(err)
	}
	var got TimingReport
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tm.Report(), got); d != "" {
		t.Error(d)
	}
}
