// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const mostPreferred = "nobody held it; node n1 is the most preferred one that can hold it"

// heldView has a resource on its preferred node n1, which depends on the balancer there.
func heldView() cluster.View {
	v := wellView(moment)
	for i := range v.Nodes {
		v.Nodes[i].Class = "gate"
	}
	v.Resources = []cluster.ResourceView{{
		Name: "vip", State: cluster.ResourceHeld, Holder: "n1", Next: "n2", Addresses: []string{"10.0.0.100/24", "2001:db8::100/64"}, Interface: "eth0",
		Epoch: 12, Since: v.At - (3*time.Hour + 2*time.Minute).Milliseconds(), Decided: mostPreferred, By: "n2",
		Requires: cluster.ProofLease, Failback: cluster.FailbackNever, Balancer: "lb", Takeover: "1.482s",
		Candidates: []cluster.CandidateView{
			{Node: "n1", Preferred: true, Holds: 1},
			{Node: "n2"},
			{Node: "n3", Unfit: "nothing is known of balancer lb on node n3"},
		},
	}}
	return v
}

// awayView has the same resource on n2 after the loss of n1.
func awayView() cluster.View {
	v := heldView()
	r := &v.Resources[0]
	r.Holder, r.Epoch, r.Since = "n2", 14, v.At-26*60_000
	r.Decided = "node n1 is down, and its right has run out (n2, n3); node n2 can hold it, and holds no more than others"
	r.Candidates[0].Holds, r.Candidates[0].Unfit, r.Candidates[1].Holds = 0, "node n1 is down", 1
	return v
}

// whyViews has one view for each thing that people ask about at night.
func whyViews() map[string]func(*cluster.View, *cluster.ResourceView) {
	type view = cluster.View
	type resource = cluster.ResourceView
	away := func(v *view) *resource {
		*v = awayView()
		return &v.Resources[0]
	}
	alone := func(r *resource) {
		r.Candidates[1].Unfit = "balancer lb on node n2 is lost: its socket does not answer within 1s"
	}
	return map[string]func(*view, *resource){
		"held": func(*view, *resource) {},
		"held-moved": func(v *view, r *resource) {
			r.Decided, r.By, r.Since, r.Given, r.Epoch = "asked by root@n1", "root@n1", v.At-5_000, v.At-5_000, 16
			r.Candidates[0].Preferred, r.Balancer, r.Pool = false, "", "web"
		},
		"held-nobody-else": func(_ *view, r *resource) { alone(r) },
		"held-though-unfit": func(_ *view, r *resource) {
			alone(r)
			r.Candidates[0].Unfit = "balancer lb on node n1 is lost: its socket does not answer within 1s"
		},
		"held-maintenance": func(v *view, _ *resource) { v.Nodes[0].Mode = cluster.ModeMaintenance },
		"held-timed-set": func(v *view, r *resource) {
			v.Nodes[0].Class, r.Takeover, r.Failback = "timed-set", "2.475s", cluster.FailbackImmediately
		},
		"held-address": func(v *view, r *resource) { v.Nodes[0].Class, r.Takeover = "address", "3.581s" },
		"held-quorum":  func(_ *view, r *resource) { r.Requires, r.Takeover, r.Balancer = cluster.ProofQuorum, "", "" },
		"away":         func(v *view, _ *resource) { away(v) },
		"away-back":    func(v *view, _ *resource) { away(v).Candidates[0].Unfit = "" },
		"away-back-after": func(v *view, _ *resource) {
			r := away(v)
			r.Candidates[0].Unfit, r.Failback = "", "after 10m"
		},
		"away-back-idle": func(v *view, _ *resource) {
			r := away(v)
			r.Candidates[0].Unfit, r.Failback = "", cluster.FailbackWhenIdle
			r.Candidates[1].Preferred = true
		},
		"taking": func(v *view, r *resource) {
			r.State, r.Reason, r.Since = cluster.ResourceTaking, "10.0.0.100: the neighbours are asked who has it", v.At-400
		},
		"trouble-stranger": func(v *view, r *resource) {
			r.State, r.Reason, r.Since = cluster.ResourceTrouble, "10.0.0.100: 52:54:00:ab:cd:ef has it", v.At-4_000
			r.Candidates[0].Unfit = r.Reason
		},
		"trouble-nobody-else": func(_ *view, r *resource) {
			alone(r)
			r.State, r.Reason = cluster.ResourceTrouble, "10.0.0.100: 52:54:00:ab:cd:ef has it"
			r.Candidates[0].Unfit = r.Reason
		},
		"leaving": func(v *view, r *resource) {
			r.State, r.To, r.Reason, r.Decided, r.By, r.Since = cluster.ResourceLeaving, "n2", "asked by root@n1", "asked by root@n1", "root@n1", v.At-1_000
		},
		"leaving-stuck": func(v *view, r *resource) {
			alone(r)
			r.State, r.Reason, r.Decided, r.By, r.Since = cluster.ResourceLeaving, "10.0.0.100: it cannot be removed: operation not permitted", "kernel update", "ann@n3", v.At-90_000
			r.Candidates[0].Banned, r.Candidates[0].Unfit = true, "it is banned from node n1"
		},
		"restarting": func(v *view, r *resource) {
			r.State, r.To, r.Reason, r.Decided, r.By, r.Since = cluster.ResourceLeaving, "n1", "new prefix", "new prefix", "root@n1", v.At-300
		},
		"lost": func(v *view, r *resource) {
			v.Nodes[0].Life = "down"
			r.State, r.Reason = cluster.ResourceLost, "node n1 is down; 1 of 3 voters say that its right has run out, 2 needed"
			r.Candidates[0].Unfit = "node n1 is down"
		},
		"lost-nobody-else": func(v *view, r *resource) {
			alone(r)
			v.Nodes[0].Life = "down"
			r.State, r.Reason = cluster.ResourceLost, "node n1 is down; node n1 is down; balancer lb on node n2 is lost: its socket does not answer within 1s; nothing is known of balancer lb on node n3"
			r.Candidates[0].Unfit = "node n1 is down"
		},
		"unheard": func(v *view, r *resource) {
			v.Node, v.Nodes[0].Life = "n2", "suspect"
			r.State, r.Reason = cluster.ResourceUnheard, "node n1 is silent for 500ms; this is old news"
			r.Candidates[0].Unfit = "node n1 is not heard"
		},
		"no-quorum": func(v *view, _ *resource) {
			v.Quorum = cluster.QuorumView{Have: 1, Need: 2, Voters: 3, Reason: "only 1 of 3 voters acknowledged this node within 500ms"}
		},
		"nobody": func(v *view, r *resource) {
			alone(r)
			r.State, r.Holder, r.Takeover, r.By = cluster.ResourceNobody, "", "", "n1"
			r.Decided, r.Since = "node n1 has nothing of it any more", v.At-9_000
			r.Candidates[0] = cluster.CandidateView{Node: "n1", Preferred: true, Unfit: "node n1 is in standby"}
			v.Nodes[0].Mode = cluster.ModeStandby
			r.Reason = "node n1 is in standby; balancer lb on node n2 is lost: its socket does not answer within 1s; nothing is known of balancer lb on node n3"
		},
		"nobody-yet": func(_ *view, r *resource) {
			r.State, r.Holder, r.Takeover, r.By, r.Decided, r.Since, r.Epoch = cluster.ResourceNobody, "", "", "", "", 0, 0
			r.Reason = "node n1 can hold it, and is about to get it"
		},
		"disabled": func(v *view, r *resource) {
			r.State, r.Holder, r.Takeover, r.By = cluster.ResourceDisabled, "", "", "n1"
			r.Reason, r.Decided, r.Since = "an operator wants nobody to hold it", "node n1 has nothing of it any more", v.At-50*3_600_000
			for i := range r.Candidates {
				r.Candidates[i].Unfit = "it is disabled"
			}
			r.Candidates[1].Banned = true
		},
		"few-nodes": func(v *view, r *resource) {
			v.Nodes = append(v.Nodes, cluster.NodeView{Name: "w", Life: "alive", Witness: true})
			r.Idle, r.Reason = true, "10.0.0.100: the gate is not loaded"
		},
		"strange": func(_ *view, r *resource) { r.State, r.Holder = "split\x1b[2J", "n9" },
		"banned": func(v *view, r *resource) {
			r.Candidates[1].Banned, r.Candidates[1].Unfit = true, "it is banned from node n2"
			r.Decided, r.By, r.Since, r.Given = "flaky switch port", "ann@n3", v.At-60_000, v.At-10_920_000
		},
	}
}

// heir is the next holder of a resource in these views, where nobody who can hold it holds more than others.
func heir(r cluster.ResourceView) cluster.NodeID {
	for _, c := range r.Candidates {
		if c.Node != r.Holder && c.Unfit == "" {
			return c.Node
		}
	}
	return ""
}

// TestWhy holds what a person reads against testdata/why.
func TestWhy(t *testing.T) {
	for name, change := range whyViews() {
		t.Run(name, func(t *testing.T) {
			view := heldView()
			change(&view, &view.Resources[0])
			view.Resources[0].Next = heir(view.Resources[0])
			for _, color := range []bool{false, true} {
				at := screen{width: 80, color: color}
				p := &page{view: view, now: moment, at: at, style: at.palette()}
				p.why(explain(view, moment))
				got := strings.Join(p.lines, "\n") + "\n"
				if color && !strings.Contains(got, "\x1b[") {
					t.Error("there is no colour")
				}
				golden(t, filepath.Join("testdata", "why", name+".txt"), ansi.Strip(got))
				for line := range strings.Lines(ansi.Strip(got)) {
					if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > at.width {
						t.Errorf("%d columns do not fit: %s", w, line)
					}
				}
			}
		})
	}
}

// TestWhyDocument holds the other form against the same words.
func TestWhyDocument(t *testing.T) {
	raw, err := json.Marshal(explain(heldView(), moment.Add(7*time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"resource":"vip","state":"held","holder":"n1","doubt":"What follows is 7s old; is node n1 overloaded?","says":"vip is on n1"`,
		`{"node":"n2","says":"yes, it can take over"}`, `{"if":"an operator wants it moved","then":"evenkeel resource move vip n2"}`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s is not in\n%s", want, raw)
		}
	}
	if got, err := json.Marshal(explain(wellView(moment), moment)); err != nil || string(got) != "[]" {
		t.Errorf("without resources: %s, %v", got, err)
	}
}
