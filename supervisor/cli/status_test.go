// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// moment is when the views of these tests were made.
var moment = time.UnixMilli(1_700_000_000_000)

// degradedView has something of everything that can be wrong while it works.
func degradedView() cluster.View {
	v := wellView(moment)
	v.Verdict = cluster.DegradedVerdict
	v.Revision = 2
	v.Problems = []string{
		"node n3 is down: 2 of 3 voters cannot hear it: no heartbeat on any rail for 300ms",
		"balancer lb on n2 is not in step: its socket does not answer within 1s",
		"rail back is down: listen tcp 10.1.0.1:7420: bind: cannot assign requested address",
	}
	v.Quorum.Have = 2
	v.Rails[1] = cluster.RailView{Name: "back", Listen: "10.1.0.1:7420", Error: "listen tcp 10.1.0.1:7420: bind: cannot assign requested address", Since: v.At - 90_000}
	n := &v.Nodes[2]
	n.Life, n.SilenceMs, n.RailsUp, n.Lags, n.Reason, n.Since = "down", 95_000, 0, true, "2 of 3 voters cannot hear it: no heartbeat on any rail for 300ms", v.At-94_000
	n = &v.Nodes[1]
	n.Mode, n.ModeBy, n.RailsUp = cluster.ModeStandby, "root@n1", 1
	v.Balancers[1] = cluster.BalancerView{Name: "lb", Node: "n2", Since: v.At - 12_000, Reason: "its socket does not answer within 1s", Drift: 3}
	v.Resources = degradedResources(v.At)
	for i := range v.Nodes {
		v.Nodes[i].Class = "gate"
	}
	v.Nodes[0].Class, v.Nodes[0].ClassReason = "address", "the kernel 6.1 has no TCX, and nft is not installed"
	p := &v.Pools[0]
	p.Backend, p.Serving = "be_web", 1
	m := &p.Members[1]
	m.Service, m.Reason, m.Since = cluster.Drain, "node n2 is in standby, asked by root@n1: kernel update", v.At-5_000
	m.Servers[0].Phase, m.Servers[0].Admin, m.Servers[0].Sessions = "draining", "drain", 17
	m.Servers[1].Phase, m.Servers[1].Reason = "held", "1 of 3 ready, floor 1"
	m = &p.Members[2]
	m.Service, m.Reason, m.Condition, m.Since = cluster.Out, "node n3 is down: 2 of 3 voters cannot hear it", cluster.Unknown, v.At-94_000
	for i := range m.Servers {
		m.Servers[i].Phase, m.Servers[i].Admin, m.Servers[i].Sessions = "out", "maint", 0
	}
	return v
}

// degradedResources has a resource in every state.
func degradedResources(at int64) []cluster.ResourceView {
	r := func(name string, state cluster.ResourceState, holder, to cluster.NodeID, reason string) cluster.ResourceView {
		return cluster.ResourceView{
			Name: name, State: state, Holder: holder, To: to, Reason: reason, Addresses: []string{"10.0.0.100/24"}, Interface: "eth0", Epoch: 12,
			Since: at - 95_000, Failback: cluster.FailbackNever, Requires: cluster.ProofLease, Takeover: "1.482s",
			Candidates: []cluster.CandidateView{{Node: "n1"}, {Node: "n2"}},
		}
	}
	out := []cluster.ResourceView{
		r("web-address", cluster.ResourceHeld, "n1", "", ""),
		r("mail", cluster.ResourceLost, "n3", "", "node n3 is down; 1 of 3 voters say that its right has run out, 2 needed"),
		r("db", cluster.ResourceLeaving, "n2", "n1", "asked by root@n1"),
		r("admin", cluster.ResourceTrouble, "n1", "", "10.0.0.103: 52:54:00:ab:cd:ef has it"),
		r("nfs", cluster.ResourceTaking, "n1", "", ""),
		r("dns", cluster.ResourceUnheard, "n3", "", "node n3 is silent for 95s; this is old news"),
		r("smtp", cluster.ResourceNobody, "", "", "node n1 is in standby; node n2 is in standby"),
		r("old", cluster.ResourceDisabled, "", "", "an operator wants nobody to hold it"),
		r("new", "quantum", "n1", "", ""),
	}
	out[0].Addresses, out[0].Failback = []string{"10.77.2.100/24", "2001:db8:2::100/64"}, "after 10m"
	out[0].Candidates[1].Banned = true
	out[4].Requires, out[4].Takeover, out[6].Takeover, out[7].Takeover = cluster.ProofQuorum, "", "", ""
	return out
}

func noQuorumView() cluster.View {
	v := wellView(moment)
	v.Verdict, v.Leader = cluster.NoQuorumVerdict, ""
	v.Quorum = cluster.QuorumView{Have: 1, Need: 2, Voters: 3, Reason: "only 1 of 3 voters acknowledged this node within 500ms"}
	v.Problems = []string{v.Quorum.Reason, "nothing is changed on any balancer until a majority is back"}
	for i := 1; i < 3; i++ {
		v.Nodes[i].Life, v.Nodes[i].SilenceMs, v.Nodes[i].RailsUp, v.Nodes[i].Leads = "suspect", 4_200, 0, false
	}
	return v
}

func waitingView() cluster.View {
	return cluster.View{
		At: moment.UnixMilli(), Node: "n1", Cluster: "shop", Version: "1.2.3", Verdict: cluster.WaitingVerdict, Timing: "lan",
		Problems: []string{"this node waits to be let in: nobody was heard on front"},
		Rails:    []cluster.RailView{{Name: "front", Listen: "10.0.0.1:7420", Up: true, Since: moment.UnixMilli() - 3_000}},
	}
}

func oldView() cluster.View {
	v := wellView(moment)
	v.At -= 14_000
	return v
}

// TestStatusPage holds every verdict against testdata/status, at three widths.
func TestStatusPage(t *testing.T) {
	for name, view := range map[string]cluster.View{
		"well": wellView(moment), "degraded": degradedView(), "no-quorum": noQuorumView(), "waiting": waitingView(), "stale": oldView(),
	} {
		for _, width := range []int{0, 80, 160} {
			for _, wide := range []bool{false, true} {
				full := fmt.Sprintf("%s-%d", name, width)
				if wide {
					full += "-wide"
					if width == 80 {
						continue // that is what the plain form is for
					}
				}
				t.Run(full, func(t *testing.T) {
					at := screen{width: width}
					p := &page{view: view, now: moment, at: at, style: at.palette(), wide: wide}
					got := strings.Join(p.status(), "\n") + "\n"
					golden(t, filepath.Join("testdata", "status", full+".txt"), got)
					for line := range strings.Lines(got) {
						if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); width > 0 && w > width {
							t.Errorf("%d columns do not fit: %s", w, line)
						}
					}
				})
			}
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs, write it anew with -rewrite if you can say why (-want +got):\n%s", path, diff)
	}
}

// TestColorAddsNothing shows that colour repeats what the words say.
func TestColorAddsNothing(t *testing.T) {
	pages := map[bool]string{}
	for _, color := range []bool{false, true} {
		at := screen{width: 100, color: color}
		p := &page{view: degradedView(), now: moment, at: at, style: at.palette()}
		pages[color] = strings.Join(p.status(), "\n")
	}
	if !strings.Contains(pages[true], "\x1b[") {
		t.Error("there is no colour")
	}
	if diff := cmp.Diff(pages[false], ansi.Strip(pages[true])); diff != "" {
		t.Errorf("colour changes the words (-plain +color):\n%s", diff)
	}
}

func TestWell(t *testing.T) {
	for _, c := range []struct {
		view cluster.View
		want bool
	}{{wellView(moment), true}, {degradedView(), false}, {noQuorumView(), false}, {waitingView(), false}, {oldView(), false}} {
		if got := well(c.view, moment); got != c.want {
			t.Errorf("%s of age %s: well is %v", c.view.Verdict, age(c.view, moment), got)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 999 * time.Millisecond: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		time.Hour + 2*time.Minute: "1h02m", 49 * time.Hour: "2d01h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestRole(t *testing.T) {
	for want, n := range map[string]cluster.NodeView{
		"leader":                     {Votes: true, Log: "voter", Leads: true},
		"voter":                      {Votes: true, Log: "voter"},
		"witness":                    {Votes: true, Witness: true, Log: "voter"},
		"voter (still learner)":      {Votes: true, Log: "learner"},
		"voter (not in the log yet)": {Votes: true, Log: "none"},
		"no vote":                    {Log: "learner"},
		"no vote (still voter)":      {Log: "voter"},
	} {
		if got := role(n); got != want {
			t.Errorf("role(%+v) = %q, want %q", n, got, want)
		}
	}
}

// TestClean shows that nothing from elsewhere can steer the terminal.
func TestClean(t *testing.T) {
	const evil = "a\x1b]0;title\x07\nb\u202ec\u200b"
	if got, want := clean(evil), "a\ufffd]0;title\ufffd b\ufffdc\ufffd"; got != want {
		t.Errorf("clean(%q) = %q, want %q", evil, got, want)
	}
}
