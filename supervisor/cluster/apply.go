// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Result tells what became of a command.
type Result string

// The results of Apply.
const (
	Accepted  Result = "accepted"
	Rejected  Result = "rejected"
	Duplicate Result = "duplicate"
)

// Outcome is the answer of Apply.
type Outcome struct {
	ID     string
	Result Result
	Reason string  // why it was rejected
	Events []Event // what changed, in order
}

// Apply carries out one committed command at the given log index. It is total:
// it rejects and never panics, and the state it was given stays as it was. A
// command that is rejected changes nothing but Index and Done.
func Apply(s State, index uint64, c Command) (State, Outcome) {
	next := s.Clone()
	next.Index = index
	out := Outcome{ID: c.ID, Result: Accepted}
	if c.ID != "" && slices.Contains(s.Done, c.ID) {
		out.Result = Duplicate
		return next, out
	}
	if len(c.ID) > MaxID {
		out.Result, out.Reason = Rejected, fmt.Sprintf("the id of the command has %d bytes, at most %d are allowed", len(c.ID), MaxID)
		return next, out
	}
	c.By = clip(c.By)
	a := applier{State: &next, c: c}
	if reason := a.run(); reason != "" {
		next = s.Clone()
		next.Index = index
		out.Result, out.Reason = Rejected, reason
	}
	if c.ID != "" {
		next.Done = keepLast(append(next.Done, c.ID), CommandsKept)
	}
	if out.Result == Accepted {
		out.Events = a.events
		next.Events = keepLast(append(next.Events, a.events...), EventsKept)
	}
	return next, out
}

// applier is one Apply under way. Its methods return why the command is
// rejected, or nothing.
type applier struct {
	*State
	c      Command
	events []Event
}

func (a *applier) run() string {
	switch b := a.c.Body.(type) {
	case SetSpec:
		return a.setSpec(b)
	case Admit:
		return a.admit(b)
	case Condemn:
		return a.condemn(b)
	case Leave:
		return a.leave(b)
	case SetMode:
		return a.setMode(b)
	case SetMember:
		return a.setMember(b)
	case Judge:
		return a.judge(b)
	case Give:
		return a.give(b)
	case Recall:
		return a.recall(b)
	case LetGo:
		return a.letGo(b)
	case SetResource:
		return a.setResource(b)
	}
	return "the command is empty"
}

func (a *applier) event(e Event) {
	e.Index, e.N, e.At, e.By = a.Index, len(a.events), a.c.At, a.c.By
	a.events = append(a.events, e)
}

func (a *applier) setSpec(b SetSpec) string {
	if b.IfRevision != nil && *b.IfRevision != a.Revision {
		return fmt.Sprintf("the cluster file is at revision %d, not %d: somebody else changed it meanwhile; look at the difference again", a.Revision, *b.IfRevision)
	}
	switch p := b.Spec.Validate(); {
	case len(p) == 1:
		return p[0].String()
	case len(p) > 1:
		return fmt.Sprintf("%s (and %d more)", p[0], len(p)-1)
	}
	if a.Spec.Cluster != "" && b.Spec.Cluster != a.Spec.Cluster {
		return fmt.Sprintf("cluster: the file is for %q, this cluster is %q; a cluster keeps its name for life", b.Spec.Cluster, a.Spec.Cluster)
	}
	from := a.Revision
	changes := Diff(a.Spec, b.Spec)
	a.Revision++
	a.Spec = b.Spec
	a.prune()
	a.event(Event{
		Kind: EventSpec, Subject: b.Spec.Cluster, From: fmt.Sprint(from), To: fmt.Sprint(a.Revision),
		Reason: "cluster file accepted, " + Counted(len(changes), "change"),
	})
	a.recallUnnamed()
	return ""
}

// prune forgets nodes and members that the cluster file no longer names.
func (a *applier) prune() {
	maps.DeleteFunc(a.Nodes, func(id NodeID, _ Node) bool {
		_, ok := a.Spec.Node(id)
		return !ok
	})
	keep := map[MemberID]bool{}
	for _, m := range a.Spec.Members() {
		keep[m.ID] = true
	}
	maps.DeleteFunc(a.Members, func(id MemberID, _ MemberState) bool { return !keep[id] })
}

func keepLast[T any](s []T, n int) []T {
	if len(s) <= n {
		return s
	}
	return slices.Clone(s[len(s)-n:])
}

// clip bounds a text that people wrote or that quotes them.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > MaxText {
		s = strings.ToValidUTF8(s[:MaxText], "")
	}
	return s
}

// Counted says how many there are of what, as in 1 member or 2 members.
func Counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func joinIDs(ids []NodeID) string { return strings.Join(Names(ids), ", ") }
