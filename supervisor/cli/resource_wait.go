// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// resourceErrand is something that an operator asked for with a resource.
type resourceErrand struct {
	name  string
	ask   api.ResourceRequest
	index uint64 // place in the log of what was asked; a view of before says nothing about it
	epoch uint64 // of the resource when it was asked
}

// newResourceErrand finds in the events of the command what to wait for.
func newResourceErrand(name string, ask api.ResourceRequest, events []cluster.Event) (resourceErrand, error) {
	for _, e := range slices.Backward(events) {
		if e.Subject == name {
			return resourceErrand{name: name, ask: ask, index: e.Index, epoch: e.Epoch}, nil
		}
	}
	return resourceErrand{}, hintedError{errors.New(name + ": accepted, but the answer does not tell what to wait for"), follow}
}

// look judges a view. Nothing counts as done that this node does not know from
// a quorum, or that was so before it was asked.
func (e resourceErrand) look(view cluster.View) look {
	if view.Index < e.index {
		return look{}
	}
	r, ok := resourceOf(view, e.name)
	if !ok {
		return look{isLost, "the cluster file does not name it any more"}
	}
	if why := unfounded(view); why != "" {
		return look{goesYet, why}
	}
	if r.State == cluster.ResourceDisabled && e.ask.Verb != cluster.VerbDisable && e.ask.Verb != cluster.VerbBan {
		return look{isLost, "somebody disabled it meanwhile"}
	}
	switch e.ask.Verb {
	case cluster.VerbMove:
		return e.moved(r)
	case cluster.VerbRestart:
		return heldWhere(r, r.Epoch > e.epoch)
	case cluster.VerbBan:
		return e.banned(r)
	case cluster.VerbEnable:
		return e.enabled(r)
	case cluster.VerbDisable:
		return e.disabled(r)
	case cluster.VerbClear:
	}
	return look{goesYet, standing(r)}
}

func (e resourceErrand) moved(r cluster.ResourceView) look {
	switch {
	case r.Holder == e.ask.Node:
		return heldWhere(r, true)
	case r.Holder != "" && r.Epoch > e.epoch:
		return look{isLost, fmt.Sprintf("it went to %s and not to %s%s", r.Holder, e.ask.Node, colon(r.Decided))}
	case r.Holder != "" && r.To != e.ask.Node:
		return superseded("the move")
	}
	return look{goesYet, standing(r)}
}

func (e resourceErrand) banned(r cluster.ResourceView) look {
	i := slices.IndexFunc(r.Candidates, func(c cluster.CandidateView) bool { return c.Node == e.ask.Node })
	switch {
	case i >= 0 && !r.Candidates[i].Banned:
		return superseded("the ban")
	case r.Holder == e.ask.Node:
		return look{goesYet, standing(r)}
	}
	return look{isDone, "; " + standing(r)}
}

func (e resourceErrand) enabled(r cluster.ResourceView) look {
	if r.State == cluster.ResourceNobody && r.Next == "" {
		return look{isLost, "it is enabled, and nobody can hold it" + colon(r.Reason)}
	}
	return heldWhere(r, true)
}

func (e resourceErrand) disabled(r cluster.ResourceView) look {
	switch {
	case r.State == cluster.ResourceDisabled:
		return look{isDone, "; nobody holds it"}
	case r.Holder == "" || r.Epoch > e.epoch:
		return superseded("the disable")
	}
	return look{goesYet, standing(r)}
}

// heldWhere is done when the resource is held in an epoch that counts.
func heldWhere(r cluster.ResourceView, counts bool) look {
	if counts && r.State == cluster.ResourceHeld {
		return look{isDone, " on " + string(r.Holder)}
	}
	return look{goesYet, standing(r)}
}

// standing tells in a few words how a resource stands.
func standing(r cluster.ResourceView) string {
	switch r.State {
	case cluster.ResourceHeld:
		return fmt.Sprintf("%s holds it", r.Holder)
	case cluster.ResourceTaking:
		return fmt.Sprintf("%s is bringing it up%s", r.Holder, colon(r.Reason))
	case cluster.ResourceTrouble:
		return fmt.Sprintf("%s cannot bring it up%s", r.Holder, colon(r.Reason))
	case cluster.ResourceLeaving:
		if r.Reason == r.Decided {
			return fmt.Sprintf("%s is letting it go", r.Holder)
		}
		return fmt.Sprintf("%s is letting it go%s", r.Holder, colon(r.Reason))
	case cluster.ResourceLost:
		return fmt.Sprintf("its holder %s is lost%s", r.Holder, colon(r.Reason))
	case cluster.ResourceUnheard:
		return fmt.Sprintf("its holder %s is not heard%s", r.Holder, colon(r.Reason))
	case cluster.ResourceNobody:
		return "nobody holds it" + colon(r.Reason)
	case cluster.ResourceDisabled:
		return "nobody holds it: it is disabled"
	}
	return fmt.Sprintf("%q is a state that this version does not know", string(r.State))
}

func resourceOf(view cluster.View, name string) (cluster.ResourceView, bool) {
	i := slices.IndexFunc(view.Resources, func(r cluster.ResourceView) bool { return r.Name == name })
	if i < 0 {
		return cluster.ResourceView{}, false
	}
	return view.Resources[i], true
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
