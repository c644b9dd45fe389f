// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"fmt"
	"slices"
)

// give hands a resource to a node. The proof that a former holder's right is over is counted again: voters, lives and the
// holder may be others by now than when the leader proposed it.
func (a *applier) give(b Give) string {
	r, n := a.Resource(b.Resource), a.Node(b.Node)
	switch why := a.Unfit(b.Resource, b.Node); {
	case why != "":
		return fmt.Sprintf("resource %s: %s", b.Resource, why)
	case r.Epoch != b.Epoch:
		return fmt.Sprintf("resource %s is in epoch %d; it was to be given in epoch %d", b.Resource, r.Epoch, b.Epoch)
	case n.Epoch != b.Life:
		return fmt.Sprintf("resource %s: node %s lives in epoch %d, not %d", b.Resource, b.Node, n.Epoch, b.Life)
	}
	if why := a.unproven(b, r); why != "" {
		return why
	}
	a.hand(b.Resource, b.Node, clip(b.Reason), a.c.By)
	return ""
}

// unproven tells why a former holder may still act.
func (a *applier) unproven(b Give, r Resource) string {
	switch {
	case r.Holder == "":
		return ""
	case !a.Over(r):
		return fmt.Sprintf("resource %s: node %s holds it", b.Resource, r.Holder)
	}
	spec, _ := a.Spec.Resource(b.Resource)
	switch spec.Proof() {
	case ProofQuorum:
		return ""
	case ProofFencing:
		return fmt.Sprintf("resource %s: node %s is not proven to be cut off", b.Resource, r.Holder)
	case ProofLease:
	}
	voters, said := a.Spec.Voters(), a.Spec.Against(r.Holder, b.Lapsed)
	if need := len(voters)/2 + 1; said < need {
		return fmt.Sprintf("resource %s: %d of %d voters say that the right of node %s has run out, %d needed", b.Resource, said, len(voters), r.Holder, need)
	}
	return ""
}

// hand gives the resource to a node in its present life, with a new epoch.
func (a *applier) hand(name string, to NodeID, reason, by string) {
	r := a.Resource(name)
	from := r.Holder
	a.Epoch++
	n := a.Node(to)
	r.Holder, r.Life, r.Install, r.Boot = to, n.Epoch, n.Install, n.Boot
	r.Epoch, r.Leaving, r.To, r.Given = a.Epoch, false, "", a.c.At
	a.note(name, r, Event{Kind: EventGiven, From: string(from), To: string(to), Reason: reason}, by)
}

// note keeps a resource and tells what became of it, and by whose word: a node that carries out what an operator asked for has no
// word of its own.
func (a *applier) note(name string, r Resource, e Event, by string) {
	r.Since, r.Reason, r.By = a.c.At, e.Reason, by
	a.Resources[name] = r
	e.Subject, e.Epoch = name, r.Epoch
	a.event(e)
}

// recall asks the holder to let go.
func (a *applier) recall(b Recall) string {
	r := a.Resource(b.Resource)
	switch {
	case r.Holder == "" || r.Epoch != b.Epoch:
		return fmt.Sprintf("resource %s is held by %q in epoch %d; it was to be taken in epoch %d", b.Resource, r.Holder, r.Epoch, b.Epoch)
	case r.Leaving:
		return fmt.Sprintf("resource %s: node %s is letting it go already", b.Resource, r.Holder)
	}
	a.takeBack(b.Resource, b.To, clip(b.Reason))
	return ""
}

// takeBack asks the holder to let go, so that somebody gets it, or whoever is best.
func (a *applier) takeBack(name string, to NodeID, reason string) {
	r := a.Resource(name)
	r.Leaving, r.To = true, to
	a.note(name, r, Event{Kind: EventRecalled, From: string(r.Holder), To: string(to), Reason: reason}, a.c.By)
}

// letGo records that the holder has nothing of the resource any more. What it was asked for in a former epoch does not count.
func (a *applier) letGo(b LetGo) string {
	r := a.Resource(b.Resource)
	if r.Holder != b.Node || r.Epoch != b.Epoch || r.Holder == "" {
		return fmt.Sprintf("resource %s is held by %q in epoch %d; node %s let go of epoch %d", b.Resource, r.Holder, r.Epoch, b.Node, b.Epoch)
	}
	if r.To != "" && a.Unfit(b.Resource, r.To) == "" {
		a.hand(b.Resource, r.To, r.Reason, r.By)
		return ""
	}
	reason, by := cmp.Or(clip(b.Reason), r.Reason), a.c.By
	if r.Leaving {
		reason, by = r.Reason, r.By
	}
	a.Epoch++
	r.Holder, r.Life, r.Install, r.Boot, r.Given = "", 0, 0, 0, 0
	r.Epoch, r.Leaving, r.To = a.Epoch, false, ""
	a.note(b.Resource, r, Event{Kind: EventLetGo, From: string(b.Node), Reason: reason}, by)
	if _, ok := a.Spec.Resource(b.Resource); !ok {
		delete(a.Resources, b.Resource)
	}
	return ""
}

// setResource carries out what an operator asks for.
func (a *applier) setResource(b SetResource) string {
	if _, ok := a.Spec.Resource(b.Resource); !ok {
		return fmt.Sprintf("there is no resource %s in the cluster file; see evenkeel status for those there are", b.Resource)
	}
	reason := cmp.Or(clip(b.Reason), "asked by "+cmp.Or(a.c.By, "an operator"))
	r := a.Resource(b.Resource)
	switch b.Verb {
	case VerbMove, VerbRestart:
		return a.move(b, reason)
	case VerbBan:
		if _, ok := a.Spec.Node(b.Node); !ok {
			return fmt.Sprintf("there is no node %s in the cluster file; it has %s", b.Node, joinIDs(a.Spec.nodeNames()))
		}
		if slices.Contains(r.Banned, b.Node) {
			return fmt.Sprintf("resource %s is banned from node %s already", b.Resource, b.Node)
		}
		r.Banned = append(slices.Clone(r.Banned), b.Node)
	case VerbClear:
		if len(r.Banned) == 0 {
			return fmt.Sprintf("resource %s is banned from no node", b.Resource)
		}
		r.Banned = nil
	case VerbEnable, VerbDisable:
		if r.Disabled == (b.Verb == VerbDisable) {
			return fmt.Sprintf("resource %s is %sd already", b.Resource, b.Verb)
		}
		r.Disabled = b.Verb == VerbDisable
	default:
		return fmt.Sprintf("%q: write move, restart, ban, clear, enable or disable", string(b.Verb))
	}
	a.note(b.Resource, r, Event{Kind: EventResource, To: string(b.Verb), From: string(b.Node), Reason: reason}, a.c.By)
	if r.Holder != "" && !r.Leaving && !a.Over(r) && (r.Disabled || slices.Contains(r.Banned, r.Holder)) {
		a.takeBack(b.Resource, "", reason)
	}
	return ""
}

// move is a one-time act: nothing of it is left when the resource has arrived.
func (a *applier) move(b SetResource, reason string) string {
	r := a.Resource(b.Resource)
	if b.Verb == VerbRestart {
		b.Node = r.Holder
	}
	switch why := a.Unfit(b.Resource, b.Node); {
	case r.Holder == "" && b.Verb == VerbRestart:
		return fmt.Sprintf("resource %s is held by nobody, so there is nothing to restart", b.Resource)
	case why != "":
		return fmt.Sprintf("resource %s: %s", b.Resource, why)
	case r.Holder == b.Node && b.Verb == VerbMove:
		return fmt.Sprintf("resource %s is on node %s already", b.Resource, b.Node)
	case r.Holder == "":
		a.hand(b.Resource, b.Node, reason, a.c.By)
		return ""
	case a.Over(r):
		return fmt.Sprintf("resource %s: node %s is lost, and another node takes over as soon as that is safe", b.Resource, r.Holder)
	}
	a.takeBack(b.Resource, b.Node, reason)
	return ""
}

// keepHolding lets a node that was only restarted hold on to what it holds: the newer life of an installation proves that the
// former is gone, and what it held is held on the same machine.
func (a *applier) keepHolding(id NodeID, former Node) {
	if former.Life != LifeAlive || former.Install != a.Node(id).Install {
		return
	}
	for _, name := range sortedKeys(a.Resources) {
		if r := a.Resources[name]; r.Holder == id && r.Life == former.Epoch {
			r.Life, r.Boot = a.Node(id).Epoch, a.Node(id).Boot
			a.Resources[name] = r
		}
	}
}

// recallUnnamed takes back what the cluster file does not name any more.
func (a *applier) recallUnnamed() {
	for _, name := range sortedKeys(a.Resources) {
		_, named := a.Spec.Resource(name)
		switch r := a.Resources[name]; {
		case named:
		case r.Holder == "":
			delete(a.Resources, name)
		case !r.Leaving:
			a.takeBack(name, "", "the cluster file does not name it any more")
		}
	}
}
