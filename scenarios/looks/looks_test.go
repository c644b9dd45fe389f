// SPDX-License-Identifier: Apache-2.0

package looks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/looks"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// world is two web nodes and two balancers that say what a test lets them say. Who is not in views does not run.
type world struct {
	views   []cluster.View
	silent  string // a node that runs and does not answer
	servers []moments.Server
	journal []moments.Entry
	changed *moments.Change
	lost    int64
	has     []string // machines that have vip
	twice   bool     // two had it
}

var errSilent = errors.New("does not answer")

func (w world) Cluster() script.Cluster {
	return script.Cluster{Web: 2, Balancers: 2, Resources: []script.Resource{{Name: "vip"}}}
}

func (w world) Answered() (string, bool, bool) { return "9 of 9 were", w.lost == 0, w.lost >= 0 }

func (w world) Holds(_ context.Context, resource, machine string) (bool, error) {
	if machine == w.silent {
		return false, errSilent
	}
	return resource == "vip" && slices.Contains(w.has, machine), nil
}

func (w world) Twice(resource string) (string, bool, error) {
	return resource + ", said the wire", w.twice, nil
}

func (w world) Runs(node string) bool {
	return slices.ContainsFunc(w.views, func(v cluster.View) bool { return string(v.Node) == node })
}

func (w world) Voices(_ context.Context, node string) ([]looks.Voice, error) {
	var out []looks.Voice
	for _, view := range w.views {
		if node != "" && node != string(view.Node) {
			continue
		}
		v := looks.Voice{Node: string(view.Node), Quorum: view.Quorum, View: func() cluster.View { return view }}
		if v.Node == w.silent {
			v = looks.Voice{Node: v.Node, Err: fmt.Errorf("%s %w", v.Node, errSilent)}
		}
		out = append(out, v)
	}
	if node != "" && out == nil {
		return nil, fmt.Errorf("there is no %s", node)
	}
	return out, nil
}

func (w world) Proxies(_ context.Context, machine string) ([]looks.Proxy, error) {
	var out []looks.Proxy
	for i, s := range w.servers {
		p := looks.Proxy{Machine: fmt.Sprintf("lb%d", i+1), Server: func(member string) (moments.Server, bool) {
			return s, member == "web/web1"
		}}
		if p.Machine == w.silent {
			p.Err = fmt.Errorf("%s: its HAProxy %w", p.Machine, errSilent)
		}
		if machine == "" || machine == p.Machine {
			out = append(out, p)
		}
	}
	return out, nil
}

func (w world) Journal() []moments.Entry { return w.journal }

func (w world) Changed() (string, moments.Change, bool) {
	if w.changed == nil {
		return "", moments.Change{}, false
	}
	return "lb1", *w.changed, true
}

func (w world) Lost() (int64, bool) { return w.lost, w.lost >= 0 }

// view is what a node sees while all is well.
func view(node string) cluster.View {
	v := cluster.View{Node: cluster.NodeID(node), Verdict: cluster.WellVerdict, Leader: "web1", Quorum: cluster.QuorumView{Holds: true}}
	for _, n := range []cluster.NodeID{"web1", "web2", "lb1", "lb2"} {
		v.Nodes = append(v.Nodes, cluster.NodeView{Name: n, Life: "alive", Mode: cluster.ModeActive})
	}
	for _, n := range []cluster.NodeID{"lb1", "lb2"} {
		v.Balancers = append(v.Balancers, cluster.BalancerView{Name: "haproxy", Node: n, InStep: true})
	}
	v.Resources = []cluster.ResourceView{{Name: "vip", State: cluster.ResourceHeld, Holder: "lb1"}}
	return v
}

// nobodys is a world in which nobody holds the resource, as the nodes say; what the machines show is another thing.
func nobodys(has ...string) world {
	w := well()
	w.has = has
	for i := range w.views {
		w.views[i].Resources = []cluster.ResourceView{{Name: "vip", State: cluster.ResourceNobody, Reason: "it is banned"}}
	}
	return w
}

// well is a world in which all is well.
func well() world {
	serves := moments.Server{Words: "UP", Serves: true}
	return world{
		views: []cluster.View{view("web1"), view("web2"), view("lb1"), view("lb2")}, servers: []moments.Server{serves, serves}, has: []string{"lb1"},
	}
}

// cutOff is a world in which one node has no quorum, and sees the others as it does then; they see it as down.
func cutOff() world {
	w := well()
	for i := range w.views {
		w.views[i].Nodes[1].Life, w.views[i].Nodes[1].Reason = "down", "not heard by 3"
		w.views[i].Balancers[1].InStep, w.views[i].Balancers[1].Reason = false, "it has no process"
	}
	w.views[1] = cluster.View{
		Node: "web2", Verdict: cluster.NoQuorumVerdict, Problems: []string{"it is alone"},
		Quorum: cluster.QuorumView{Reason: "no quorum: 1 of 4"},
	}
	w.servers[1] = moments.Server{Words: "DRAIN"}
	w.journal = []moments.Entry{
		{At: -time.Second, Notice: cluster.Notice{Event: cluster.Event{Kind: cluster.EventCondemned, Subject: "lb1"}}},
		{At: time.Second, Notice: cluster.Notice{Event: cluster.Event{Kind: cluster.EventCondemned, Subject: "web2", Reason: "not heard"}}},
	}
	w.changed = &moments.Change{Server: "web/web1", From: moments.Server{Words: "UP", Serves: true}, To: moments.Server{Words: "DRAIN"}}
	w.lost = 7
	return w
}

// gone is a world in which nobody runs, and nobody asks.
func gone() world { return world{lost: -1} }

// silent is a world in which the first balancer's machine does not answer.
func silent() world {
	w := well()
	w.silent = "lb1"
	return w
}

// leaderless is a world whose nodes do not agree on a leader; one leads that does not run.
func leaderless(says ...cluster.NodeID) world {
	w := well()
	for i, leader := range says {
		w.views[i].Leader = leader
	}
	return w
}

func TestLook(t *testing.T) {
	cond := func(kind script.CondKind, target, state, on string) script.Cond {
		return script.Cond{Kind: kind, Target: target, State: state, On: on}
	}
	dead := well()
	dead.views = dead.views[1:]
	for _, c := range []struct {
		world world
		cond  script.Cond
		holds bool
		seen  string
	}{
		{well(), cond(script.AllWell, "", "", ""), true, "all is well"},
		{cutOff(), cond(script.AllWell, "", "", ""), false, "web2 says no-quorum: it is alone"},
		{gone(), cond(script.AllWell, "", "", ""), false, "no node runs"},
		{silent(), cond(script.AllWell, "", "", ""), false, "lb1 does not answer"},

		{well(), cond(script.Quorum, "", "", ""), true, "lb2 has quorum"},
		{cutOff(), cond(script.Quorum, "", "", ""), false, "web2 has no quorum: 1 of 4"},
		{cutOff(), cond(script.NoQuorum, "", "", "web2"), true, "web2 has no quorum: 1 of 4"},
		{cutOff(), cond(script.NoQuorum, "", "", ""), false, "web1 has quorum"},
		{silent(), cond(script.NoQuorum, "", "", "lb1"), false, "lb1 does not answer"},

		{cutOff(), cond(script.HasLeader, "", "", ""), true, "web1 leads"},
		{well(), cond(script.HasLeader, "web2", "", ""), false, "web1 leads"},
		{well(), cond(script.LeaderIsNot, "web2", "", ""), true, "web1 leads"},
		{well(), cond(script.LeaderIsNot, "web1", "", ""), false, "web1 leads"},
		{cutOff(), cond(script.HasLeader, "", "", "web2"), false, "web2 knows no leader"},
		{leaderless("web1", "web2"), cond(script.HasLeader, "", "", ""), false, "web2 says that web2 leads, and another one web1"},
		{leaderless("web1", ""), cond(script.LeaderIsNot, "lb2", "", ""), false, "web2 knows no leader"},
		{dead, cond(script.HasLeader, "", "", ""), false, "web1 leads, and does not run"},
		{gone(), cond(script.HasLeader, "", "", ""), false, "no node that runs has quorum"},

		{cutOff(), cond(script.NodeIs, "web2", "down", ""), true, "web2 is down on lb2: not heard by 3"},
		{cutOff(), cond(script.NodeIs, "web2", "alive", ""), false, "web2 is down on web1: not heard by 3"},
		{cutOff(), cond(script.NodeIs, "web1", "down", "web2"), false, "web2 does not know web1"},
		{leaderless(), cond(script.NodeIs, "lb2", "alive", ""), true, "lb2 is alive on lb2"}, // asked of itself as well
		{leaderless(), cond(script.NodeIs, "lb2", "left", ""), false, "lb2 is alive on web1"},
		{silent(), cond(script.NodeIs, "lb1", "down", ""), false, "lb1 is alive on web1"},
		{cutOff(), cond(script.InMode, "web1", "active", ""), true, "web1 is in active on lb2"},
		{well(), cond(script.InMode, "web1", "standby", ""), false, "web1 is in active on web1"},

		{well(), cond(script.MemberIs, "web/web1", "serves", ""), true, "web/web1 is UP on lb2"},
		{cutOff(), cond(script.MemberIs, "web/web1", "serves", ""), false, "web/web1 is DRAIN on lb2"},
		{cutOff(), cond(script.MemberIs, "web/web1", "drained", "lb2"), true, "web/web1 is DRAIN on lb2"},
		{silent(), cond(script.MemberIs, "web/web1", "serves", ""), false, "lb1: its HAProxy does not answer"},
		{gone(), cond(script.MemberIs, "web/web1", "out", ""), false, "no HAProxy runs"},

		{well(), cond(script.InStep, "", "", ""), true, "in step"},
		{cutOff(), cond(script.InStep, "", "", ""), false, "web1 says: lb2 is not in step: it has no process"},
		{cutOff(), cond(script.InStep, "", "", "lb1"), true, "in step"},
		{cutOff(), cond(script.NotInStep, "", "", "lb2"), true, "lb2 says: lb2 is not in step: it has no process"},
		{cutOff(), cond(script.NotInStep, "", "", "lb1"), false, "in step"},
		{gone(), cond(script.InStep, "", "", ""), false, "no node with a balancer runs"},

		{well(), cond(script.Unchanged, "", "", ""), true, "nothing was changed"},
		{cutOff(), cond(script.Unchanged, "", "", ""), false, "web/web1 went from UP to DRAIN on lb1"},
		{silent(), cond(script.Unchanged, "", "", ""), false, "lb1: its HAProxy does not answer"},

		{cutOff(), script.Cond{Kind: script.ClientLost, N: 6}, true, "7 requests failed"},
		{cutOff(), script.Cond{Kind: script.ClientLost, N: 7}, false, "7 requests failed"},
		{gone(), script.Cond{Kind: script.ClientLost}, false, "nobody asks"},

		{well(), cond(script.Answered, "", "", ""), true, "9 of 9 were"},
		{cutOff(), cond(script.Answered, "", "", ""), false, "9 of 9 were"},
		{gone(), cond(script.Answered, "", "", ""), false, "nobody asks"},

		{well(), cond(script.ResourceOn, "vip", "", "lb1"), true, "lb2 says: vip is held on lb1"},
		{well(), cond(script.ResourceOn, "vip", "", "lb2"), false, "web1 says: vip is held on lb1"},
		{nobodys("lb1"), cond(script.ResourceOn, "vip", "", "lb1"), false, "web1 says: vip is held by nobody: it is banned"},
		{silent(), cond(script.ResourceOn, "vip", "", "lb1"), false, "lb1 does not answer"},
		{gone(), cond(script.ResourceOn, "vip", "", "lb1"), false, "no node that runs has quorum"},
		{nobodys(), cond(script.ResourceNobody, "vip", "", ""), true, "lb2 says: vip is held by nobody: it is banned"},
		{nobodys("lb2"), cond(script.ResourceNobody, "vip", "", ""), false, "lb2 says: vip is held by nobody: it is banned; but lb2 has it"},
		{well(), cond(script.ResourceNobody, "vip", "", ""), false, "web1 says: vip is held on lb1"},
		{well(), cond(script.ResourceGone, "vip", "", "lb1"), false, "lb1 has vip"},
		{well(), cond(script.ResourceGone, "vip", "", "web2"), true, "web2 has nothing of vip"},
		{well(), cond(script.ResourceIs, "vip", "held", ""), true, "lb2 says: vip is held on lb1"},
		{cutOff(), cond(script.ResourceIs, "vip", "lost", ""), false, "web1 says: vip is held on lb1"},
		{well(), cond(script.ResourceTwice, "vip", "", ""), false, "vip, said the wire"},

		{cutOff(), cond(script.Condemned, "", "", ""), true, "web2 was condemned: not heard"},
		{cutOff(), cond(script.Condemned, "web2", "", ""), true, "web2 was condemned: not heard"},
		{cutOff(), cond(script.Condemned, "lb1", "", ""), false, "nobody of them was condemned"},
	} {
		holds, seen, err := looks.Look(t.Context(), c.world, c.cond)
		if err != nil || holds != c.holds || seen != c.seen {
			t.Errorf("%s: %v, %q, %v; want %v, %q", c.cond, holds, seen, err, c.holds, c.seen)
		}
	}
}

// TestBalancersThatNobodyTellsOf: what is not told is not in step, and not out of step either.
func TestBalancersThatNobodyTellsOf(t *testing.T) {
	w := well()
	w.views[0].Balancers = w.views[0].Balancers[:1]
	for _, kind := range []script.CondKind{script.InStep, script.NotInStep} {
		holds, seen, err := looks.Look(t.Context(), w, script.Cond{Kind: kind})
		if holds || seen != "web1 tells of 1 of 2 balancers" || err != nil {
			t.Errorf("%s: %v, %q, %v", kind, holds, seen, err)
		}
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	for want, c := range map[string]script.Cond{
		"cheerful: this world cannot do that":       {Kind: "cheerful"},
		`there is no node "web9"`:                   {Kind: script.NodeIs, Target: "web9", State: "down"},
		"there is no web8":                          {Kind: script.AllWell, On: "web8"},
		"there is no web7":                          {Kind: script.HasLeader, On: "web7"},
		`there is no resource "vup"`:                {Kind: script.ResourceIs, Target: "vup", State: "held"},
		`there is no resource "vap"`:                {Kind: script.ResourceTwice, Target: "vap"},
		`there is no resource "vop"`:                {Kind: script.ResourceGone, Target: "vop", On: "lb1"},
		`there is no node "lb9"`:                    {Kind: script.ResourceOn, Target: "vip", On: "lb9"},
		`there is no node "lb8"`:                    {Kind: script.ResourceGone, Target: "vip", On: "lb8"},
		"web1 has no HAProxy":                       {Kind: script.InStep, On: "web1"},
		"the HAProxy of lb1 has no server web/web9": {Kind: script.MemberIs, Target: "web/web9", State: "out"},
	} {
		holds, _, err := looks.Look(t.Context(), well(), c)
		if holds || err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v; want %q", c, holds, err, want)
		}
	}
}
