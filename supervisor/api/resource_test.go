// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// withResources is a source whose two nodes are alive; n1 holds both resources.
func withResources(t *testing.T) *source {
	t.Helper()
	src := newSource()
	bodies := []cluster.Body{
		cluster.Admit{Node: "n1", Install: 1, Boot: 1},
		cluster.Admit{Node: "n2", Install: 2, Boot: 1},
		cluster.SetResource{Resource: "vip", Verb: cluster.VerbMove, Node: "n1"},
		cluster.SetResource{Resource: "vip6", Verb: cluster.VerbMove, Node: "n1"},
	}
	for _, body := range bodies {
		if out, err := src.Submit(t.Context(), "test", body); err != nil || out.Result != cluster.Accepted {
			t.Fatalf("%+v: %+v, %v", body, out, err)
		}
	}
	return src
}

func TestSetResource(t *testing.T) {
	src := withResources(t)
	client := Dial(start(t, src))
	defer client.Close()
	ask := func(verb cluster.Verb, node cluster.NodeID) (Outcome, error) {
		return client.SetResource(t.Context(), "vip", ResourceRequest{Verb: verb, Node: node, Reason: "kernel"})
	}
	for _, c := range []struct {
		verb cluster.Verb
		node cluster.NodeID
		kind string // of the last event
		to   string
	}{
		{cluster.VerbRestart, "", cluster.EventRecalled, "n1"},
		{cluster.VerbBan, "n2", cluster.EventResource, "ban"},
		{cluster.VerbClear, "", cluster.EventResource, "clear"},
		{cluster.VerbMove, "n2", cluster.EventRecalled, "n2"},
		{cluster.VerbDisable, "", cluster.EventResource, "disable"},
		{cluster.VerbEnable, "", cluster.EventResource, "enable"},
	} {
		out, err := ask(c.verb, c.node)
		if err != nil || out.Result != cluster.Accepted || len(out.Events) == 0 {
			t.Errorf("%s: %+v, %v", c.verb, out, err)
			continue
		}
		if e := out.Events[len(out.Events)-1]; e.Kind != c.kind || e.Subject != "vip" || e.To != c.to || e.Reason != "kernel" {
			t.Errorf("%s: %+v", c.verb, e)
		}
	}
	if r := src.state.Resource("vip"); !r.Leaving || r.To != "n2" || r.Holder != "n1" {
		t.Errorf("committed: %+v", r)
	}
}

// TestResourceRefused holds every refusal with what it tells the operator to do.
func TestResourceRefused(t *testing.T) {
	src := withResources(t)
	client := Dial(start(t, src))
	defer client.Close()
	const nodes = "move and ban name a node, the other verbs do not"
	for _, c := range []struct {
		name   string
		ask    ResourceRequest
		status int
		says   string
		hint   string
	}{
		{"vip", ResourceRequest{Verb: "jump"}, http.StatusBadRequest, `verb "jump": write move, restart, ban, clear, enable or disable`, ""},
		{"vip", ResourceRequest{}, http.StatusBadRequest, `verb "": write move`, ""},
		{"vip", ResourceRequest{Verb: cluster.VerbMove}, http.StatusBadRequest, "move needs a node", nodes},
		{"vip", ResourceRequest{Verb: cluster.VerbBan}, http.StatusBadRequest, "ban needs a node", nodes},
		{"vip", ResourceRequest{Verb: cluster.VerbRestart, Node: "n1"}, http.StatusBadRequest, `restart takes no node, and got "n1"`, nodes},
		{"vip", ResourceRequest{Verb: cluster.VerbClear, Node: "n1"}, http.StatusBadRequest, "clear takes no node", nodes},
		{"vip", ResourceRequest{Verb: cluster.VerbBan, Node: "n1", Force: true}, http.StatusBadRequest, "ban cannot be forced", "force is for move, to a node that cannot hold the resource now"},
		{"vip", ResourceRequest{Verb: cluster.VerbRestart, Reason: "a\nb"}, http.StatusBadRequest, "control characters", ""},
		{"web", ResourceRequest{Verb: cluster.VerbRestart}, http.StatusNotFound, `there is no resource "web"`, "there are: vip, vip6"},
		{"a/b", ResourceRequest{Verb: cluster.VerbRestart}, http.StatusNotFound, `there is no resource "a/b"`, "there are: vip, vip6"},
		{"vip", ResourceRequest{Verb: cluster.VerbBan, Node: "n9"}, http.StatusNotFound, `there is no node "n9"`, "there are: n1, n2"},
		{"vip6", ResourceRequest{Verb: cluster.VerbMove, Node: "n2", Force: true}, http.StatusConflict, "resource vip6: the cluster file does not let node n2 hold it", "nothing was changed; it lets n1"},
		{"vip", ResourceRequest{Verb: cluster.VerbMove, Node: "n1"}, http.StatusConflict, "resource vip is on node n1 already", "nothing was changed"},
		{"vip", ResourceRequest{Verb: cluster.VerbEnable}, http.StatusConflict, "resource vip is enabled already", "nothing was changed"},
		{"vip", ResourceRequest{Verb: cluster.VerbClear}, http.StatusConflict, "resource vip is banned from no node", "nothing was changed"},
	} {
		_, err := client.SetResource(t.Context(), c.name, c.ask)
		expect(t, err, c.status, c.says)
		if got := failureOf(t, err).Hint; got != c.hint {
			t.Errorf("%+v: hint %q, want %q", c.ask, got, c.hint)
		}
	}
}

// TestMoveToUnfit shows what keeps a resource from a node that cannot hold it, and what does not.
func TestMoveToUnfit(t *testing.T) {
	for name, c := range map[string]struct {
		before []cluster.Body
		says   string
		hint   string
		forced bool // whether force helps
	}{
		"evidence": {nil, "resource vip: balancer lb on node n2 is lost: no answer", "--force moves it there all the same", true},
		"banned": {
			[]cluster.Body{cluster.SetResource{Resource: "vip", Verb: cluster.VerbBan, Node: "n2"}},
			"resource vip: it is banned from node n2", "first: evenkeel resource clear vip", false,
		},
		"standby": {
			[]cluster.Body{cluster.SetMode{Node: "n2", Mode: cluster.ModeStandby, Force: true}},
			"resource vip: node n2 is in standby", "first: evenkeel node unstandby n2", false,
		},
		"maintenance": {
			[]cluster.Body{cluster.SetMode{Node: "n2", Mode: cluster.ModeMaintenance, Force: true}},
			"resource vip: node n2 is in maintenance", "first: evenkeel node maintenance n2 --off", false,
		},
		"gone": {
			[]cluster.Body{cluster.Leave{Node: "n2", Epoch: 2}},
			"resource vip: node n2 has left", "ask again when the node is alive", false,
		},
		"disabled": {
			[]cluster.Body{
				cluster.SetResource{Resource: "vip", Verb: cluster.VerbDisable},
				cluster.LetGo{Resource: "vip", Epoch: 3, Node: "n1"},
			},
			"resource vip: it is disabled", "first: evenkeel resource enable vip", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			src := withResources(t)
			src.cannot("n2", "balancer lb on node n2 is lost: no answer")
			for _, body := range c.before {
				if out, err := src.Submit(t.Context(), "test", body); err != nil || out.Result != cluster.Accepted {
					t.Fatalf("%+v: %+v, %v", body, out, err)
				}
			}
			client := Dial(start(t, src))
			defer client.Close()
			was := src.state.Index
			move := ResourceRequest{Verb: cluster.VerbMove, Node: "n2"}
			_, err := client.SetResource(t.Context(), "vip", move)
			expect(t, err, http.StatusConflict, c.says)
			if got, want := failureOf(t, err).Hint, "nothing was changed; "+c.hint; got != want {
				t.Errorf("hint %q, want %q", got, want)
			}
			if src.state.Index != was {
				t.Error("something was asked of the cluster")
			}
			move.Force = true
			_, err = client.SetResource(t.Context(), "vip", move)
			if c.forced && err != nil {
				t.Errorf("force: %v", err)
			} else if !c.forced {
				expect(t, err, http.StatusConflict, c.says)
			}
		})
	}
}

func TestResourceShape(t *testing.T) {
	handler := New(withResources(t), Options{Log: zerolog.Nop()}).handler()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/resources/vip", strings.NewReader(`{"verb":"move","node":"n2","reason":"kernel"}`)))
	const want = `{"result":"accepted","events":[{"index":6,"n":0,"at":0,"kind":"resource.recalled","subject":"vip","from":"n1","to":"n2","reason":"kernel","by":"an unknown user@n1","epoch":3}]}`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
