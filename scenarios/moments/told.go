// SPDX-License-Identifier: Apache-2.0

package moments

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Entry is something that a node told.
type Entry struct {
	At     time.Duration // since the script began; below 0 is before it
	Notice cluster.Notice
}

// Told returns the moments of what the nodes told since the script began, of a journal in the order of its times. What they
// told before decides how the script found them. Of the nodes that follow a leader, the first one counts.
func Told(c script.Cluster, journal []Entry) []script.Moment {
	t := teller{nodes: c.Nodes(), states: map[string]script.State{}}
	var out []script.Moment
	found := false
	for i, e := range journal {
		if e.At >= 0 && !found {
			out, found = t.found(c), true
		}
		if e.Notice.Kind == kindLeader && t.isNode(e.Notice.Subject) {
			again := e.Notice.Subject == t.leader
			if t.leader = e.Notice.Subject; again {
				continue
			}
		}
		m := t.moment(e.Notice)
		m.At = e.At
		if !t.counts(e.Notice, m.Lane) || heldBack(journal[i:]) {
			m.State = ""
		}
		if m.State != "" {
			t.states[m.Lane] = m.State
		}
		if e.At >= 0 {
			out = append(out, m)
		}
	}
	if !found {
		out = t.found(c)
	}
	return out
}

// found tells who holds each resource as the script begins, which may be anybody.
func (t *teller) found(c script.Cluster) []script.Moment {
	var out []script.Moment
	for _, r := range c.Resources {
		if holder, held := t.states[r.Name].Holder(); held {
			out = append(out, script.Moment{
				Lane: r.Name, Kind: cluster.EventGiven, What: r.Name + ": " + holder, Reason: "so it began", State: script.HeldBy(holder),
			})
		}
	}
	return out
}

// teller follows what is told.
type teller struct {
	nodes  []string
	leader string
	states map[string]script.State // by lane
}

func (t *teller) isNode(name string) bool { return slices.Contains(t.nodes, name) }

// counts tells whether an event decides how its lane is. A node that was condemned, or has left, is so until it is admitted,
// whatever it or others notice meanwhile; and a node that has no quorum makes nobody suspect.
func (t *teller) counts(n cluster.Notice, lane string) bool {
	if n.Index > 0 {
		return true
	}
	is := t.states[lane]
	blind := n.Kind == kindSuspect && t.states[string(n.Node)] == script.StateNoQuorum
	return is != script.StateDown && is != script.StateLeft && !blind
}

// heldBack tells whether what is told first is a suspicion on which its node changes nothing, for it hears no majority: it
// says so in the same breath. Such a one tells nothing of the other node.
func heldBack(told []Entry) bool {
	first := told[0]
	if first.Notice.Kind != kindSuspect {
		return false
	}
	for _, e := range told[1:] {
		switch {
		case e.At > first.At:
			return false
		case e.Notice.Kind == kindHeld && e.Notice.Node == first.Notice.Node && e.Notice.Subject == first.Notice.Subject:
			return true
		}
	}
	return false
}

// moment returns the moment of an event, but for its time.
func (t *teller) moment(n cluster.Notice) script.Moment {
	m := script.Moment{Lane: t.lane(n), Kind: n.Kind, What: n.Subject, Reason: n.Reason}
	if n.To != "" {
		m.What = strings.TrimPrefix(n.Subject+": "+n.From+" → "+n.To, ": ")
		if n.From == "" {
			m.What = n.Subject + ": " + n.To
		}
	}
	switch n.Kind {
	case cluster.EventLetGo:
		m.What = n.Subject + ": " + n.From
	case cluster.EventResource:
		m.What = strings.TrimSpace(n.Subject + ": " + n.To + " " + n.From)
	}
	if who := string(n.Node); who != "" && who != n.Subject && m.Lane != who && m.Lane != script.LaneCluster {
		m.What += ", says " + who
	}
	state, turned := t.effect(n)
	m.State, m.Bad, m.Good = state, turned == worse, turned == better
	return m
}

// lane returns the lane of an event.
func (t *teller) lane(n cluster.Notice) string {
	switch {
	case n.Kind == kindInStep || n.Kind == kindOutOfStep:
		return ProxyLane(string(n.Node))
	case n.Kind == kindLeader && t.isNode(n.Subject), n.Kind == cluster.EventSpec:
		return script.LaneCluster
	case strings.HasPrefix(n.Kind, resourceKinds):
		return n.Subject
	case t.isNode(n.Subject):
		return n.Subject
	case n.Node != "":
		return string(n.Node)
	}
	if machine, ok := strings.CutPrefix(n.Subject, script.Pool+"/"); ok {
		return machine
	}
	return script.LaneCluster
}
