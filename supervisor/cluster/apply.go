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
	if why := a.votersChange(b); why != "" {
		return why
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

// votersChange tells why a file's voters cannot follow those of the present one. Who counts by one file and who counts by the next
// must never find two majorities without a voter in common, or two nodes could act at once: one voter is added or removed at a
// time, and the next one only when no living node goes by an older file.
func (a *applier) votersChange(b SetSpec) string {
	if a.Revision == 0 {
		return ""
	}
	added, removed := a.Spec.VotersChange(b.Spec)
	switch {
	case len(added)+len(removed) == 0:
		return ""
	case len(added)+len(removed) > 1:
		return fmt.Sprintf("the voters change one at a time, and this file %s; apply it in steps, those who are added first, with vote: false for who has to wait", changeInWords(added, removed))
	case b.Known != a.Revision:
		return fmt.Sprintf("the voters change, and it is not known that every living node runs revision %d of the cluster file; ask again", a.Revision)
	}
	return ""
}

func changeInWords(added, removed []NodeID) string {
	var out []string
	if len(added) > 0 {
		out = append(out, "adds "+joinIDs(added))
	}
	if len(removed) > 0 {
		out = append(out, "removes "+joinIDs(removed))
	}
	return strings.Join(out, " and ")
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
