// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// TestResourceLook shows what ends a wait for a resource, and what does not.
func TestResourceLook(t *testing.T) {
	const index = 1000 // before that of the views
	ask := func(verb cluster.Verb, node cluster.NodeID) resourceErrand {
		return resourceErrand{name: "vip", ask: api.ResourceRequest{Verb: verb, Node: node}, index: index, epoch: 12}
	}
	move, restart := ask(cluster.VerbMove, "n2"), ask(cluster.VerbRestart, "")
	ban, enable, disable := ask(cluster.VerbBan, "n1"), ask(cluster.VerbEnable, ""), ask(cluster.VerbDisable, "")
	given := func(to cluster.NodeID, state cluster.ResourceState) func(*cluster.View, *cluster.ResourceView) {
		return func(_ *cluster.View, r *cluster.ResourceView) { r.Holder, r.Epoch, r.State = to, 13, state }
	}
	free := func(state cluster.ResourceState) func(*cluster.View, *cluster.ResourceView) {
		return func(_ *cluster.View, r *cluster.ResourceView) {
			r.Holder, r.Epoch, r.State, r.Reason = "", 13, state, "node n1 is in standby"
		}
	}
	for name, c := range map[string]struct {
		errand resourceErrand
		change func(*cluster.View, *cluster.ResourceView)
		want   look
	}{
		"a view of before":        {restart, func(v *cluster.View, r *cluster.ResourceView) { v.Index, r.Epoch = index-1, 13 }, look{}},
		"it is not named":         {move, func(v *cluster.View, _ *cluster.ResourceView) { v.Resources = nil }, look{isLost, "the cluster file does not name it any more"}},
		"moved, without quorum":   {move, func(v *cluster.View, r *cluster.ResourceView) { v.Quorum.Holds, r.Holder = false, "n2" }, look{goesYet, "this node has no quorum: nothing is changed until it is back"}},
		"move: taking":            {move, given("n2", cluster.ResourceTaking), look{goesYet, "n2 is bringing it up"}},
		"move: held":              {move, given("n2", cluster.ResourceHeld), look{isDone, " on n2"}},
		"move: given away":        {move, given("n3", cluster.ResourceTaking), look{isLost, "it went to n3 and not to n2: " + mostPreferred}},
		"move: called off":        {move, func(*cluster.View, *cluster.ResourceView) {}, superseded("the move")},
		"move: disabled":          {move, free(cluster.ResourceDisabled), look{isLost, "somebody disabled it meanwhile"}},
		"move: nobody yet":        {move, free(cluster.ResourceNobody), look{goesYet, "nobody holds it: node n1 is in standby"}},
		"restart: the same epoch": {restart, func(*cluster.View, *cluster.ResourceView) {}, look{goesYet, "n1 holds it"}},
		"restart: held again":     {restart, given("n1", cluster.ResourceHeld), look{isDone, " on n1"}},
		"restart: held elsewhere": {restart, given("n3", cluster.ResourceHeld), look{isDone, " on n3"}},
		"ban: unheard": {ban, func(_ *cluster.View, r *cluster.ResourceView) {
			r.State, r.Reason, r.Candidates[0].Banned = cluster.ResourceUnheard, "silent", true
		}, look{goesYet, "its holder n1 is not heard: silent"}},
		"ban: lost": {ban, func(_ *cluster.View, r *cluster.ResourceView) {
			r.State, r.Reason, r.Candidates[0].Banned = cluster.ResourceLost, "node n1 is down", true
		}, look{goesYet, "its holder n1 is lost: node n1 is down"}},
		"ban: ended": {ban, given("n2", cluster.ResourceHeld), superseded("the ban")},
		"ban: nobody": {ban, func(v *cluster.View, r *cluster.ResourceView) {
			free(cluster.ResourceNobody)(v, r)
			r.Candidates[0].Banned = true
		}, look{isDone, "; nobody holds it: node n1 is in standby"}},
		"ban: disabled": {ban, func(v *cluster.View, r *cluster.ResourceView) {
			free(cluster.ResourceDisabled)(v, r)
			r.Candidates[0].Banned = true
		}, look{isDone, "; nobody holds it: it is disabled"}},
		"enable: held":     {enable, given("n2", cluster.ResourceHeld), look{isDone, " on n2"}},
		"enable: about to": {enable, free(cluster.ResourceNobody), look{goesYet, "nobody holds it: node n1 is in standby"}},
		"enable: nobody can": {enable, func(v *cluster.View, r *cluster.ResourceView) {
			free(cluster.ResourceNobody)(v, r)
			r.Candidates = r.Candidates[2:]
		}, look{isLost, "it is enabled, and nobody can hold it: node n1 is in standby"}},
		"disable: stuck": {disable, func(_ *cluster.View, r *cluster.ResourceView) {
			r.State, r.Reason = cluster.ResourceLeaving, "it cannot be removed"
		}, look{goesYet, "n1 is letting it go: it cannot be removed"}},
		"disable: done":      {disable, free(cluster.ResourceDisabled), look{isDone, "; nobody holds it"}},
		"disable: ended":     {disable, free(cluster.ResourceNobody), superseded("the disable")},
		"disable: and given": {disable, given("n2", cluster.ResourceHeld), superseded("the disable")},
	} {
		t.Run(name, func(t *testing.T) {
			view := heldView()
			c.change(&view, &view.Resources[0])
			for i, r := range view.Resources {
				view.Resources[i].Next = heir(r)
			}
			if got := c.errand.look(view); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestResourceErrand takes from the answer what there is to wait for, and never guesses it.
func TestResourceErrand(t *testing.T) {
	e, err := newResourceErrand("vip", api.ResourceRequest{}, []cluster.Event{{Index: 5, Subject: "vip", Epoch: 3}, {Index: 5, Subject: "other", Epoch: 4}})
	if err != nil || e.index != 5 || e.epoch != 3 {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := newResourceErrand("vip", api.ResourceRequest{}, nil); err == nil {
		t.Error("an answer without events is waited for")
	}
}

func TestNoticeOfResource(t *testing.T) {
	for want, e := range map[string]cluster.Event{
		"resource.given vip: nobody -> n1: why (epoch 4)":             {Kind: cluster.EventGiven, To: "n1"},
		"resource.given vip: n2 -> n1: why (epoch 4)":                 {Kind: cluster.EventGiven, From: "n2", To: "n1"},
		"resource.recalled vip: n1 -> n2: why (epoch 4)":              {Kind: cluster.EventRecalled, From: "n1", To: "n2"},
		"resource.recalled vip: n1 -> whoever is best: why (epoch 4)": {Kind: cluster.EventRecalled, From: "n1"},
		"resource.let-go vip: n1 -> nobody: why (epoch 4)":            {Kind: cluster.EventLetGo, From: "n1"},
		"resource.admin vip: ban n2: why (epoch 4)":                   {Kind: cluster.EventResource, From: "n2", To: "ban"},
		"resource.admin vip: disable: why (epoch 4)":                  {Kind: cluster.EventResource, To: "disable"},
	} {
		e.Subject, e.Reason, e.Epoch = "vip", "why", 4
		if got := noticeLine(cluster.Notice{Event: e}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
