// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// States of a lane of which only Bad and Good are told.
const (
	stateFine    script.State = "fine"
	stateTrouble script.State = "trouble"
)

// span is a time in which a bar has one state.
type span struct {
	from, to time.Duration
	state    script.State
	why      string
}

// bar is one thing whose state is followed.
type bar struct {
	subject string // empty = the lane itself
	spans   []span
}

// lane is one row of the timeline, or one that has rows of its own.
type lane struct {
	name    string
	bars    []bar
	moments []script.Moment
}

// shortest is the shortest time that a timeline shows.
const shortest = 100 * time.Millisecond

// model is what both the text and the picture show.
type model struct {
	report   script.Report
	from, to time.Duration
	lanes    []lane
}

func newModel(r script.Report) model {
	m := model{report: r, to: max(r.Took, shortest)}
	for _, one := range r.Moments {
		m.from, m.to = min(m.from, one.At), max(m.to, one.At)
	}
	for _, name := range laneNames(r) {
		m.lanes = append(m.lanes, m.lane(name))
	}
	return m
}

// laneNames returns the lanes from top to bottom: what was done, what was agreed, machines with their HAProxies, clients. A
// lane without a moment is there only if it stands for a node.
func laneNames(r script.Report) []string {
	names := []string{script.LaneFault, script.LaneOperator, script.LaneCluster}
	for _, res := range r.Cluster.Resources {
		names = append(names, res.Name)
	}
	balancers := r.Cluster.BalancerNodes()
	for _, node := range balancers {
		names = append(names, node, proxyLane(node))
	}
	for _, node := range r.Cluster.Machines() {
		if !slices.Contains(balancers, node) {
			names = append(names, node)
		}
	}
	var others []string
	for _, m := range r.Moments {
		if m.Lane != script.LaneClient && m.Lane != script.LaneScript && !slices.Contains(names, m.Lane) {
			others = append(others, m.Lane)
		}
	}
	slices.Sort(others)
	names = append(append(names, slices.Compact(others)...), script.LaneClient)
	return slices.DeleteFunc(names, func(name string) bool {
		told := slices.ContainsFunc(r.Moments, func(m script.Moment) bool { return m.Lane == name })
		asked := name == script.LaneClient && r.Cluster.Clients > 0
		_, held := r.Cluster.Resource(name)
		return !told && !asked && !held && !slices.Contains(r.Cluster.Nodes(), name)
	})
}

func proxyLane(node string) string { return node + "/haproxy" }

// lane gathers the moments of a lane, and follows what is on it.
func (m model) lane(name string) lane {
	l := lane{name: name}
	for _, one := range m.report.Moments {
		if one.Lane == name {
			l.moments = append(l.moments, one)
		}
	}
	slices.SortStableFunc(l.moments, func(a, b script.Moment) int { return cmp.Compare(a.At, b.At) })
	_, held := m.report.Cluster.Resource(name)
	switch {
	case held:
		l.bars = append(l.bars, m.bar(l, "", script.StateNobody))
	case strings.HasSuffix(name, "/haproxy"):
		l.bars = append(l.bars, m.bar(l, "", script.StateInStep))
		for _, member := range m.followed() {
			l.bars = append(l.bars, m.bar(l, member, script.StateServes))
		}
	case slices.Contains(m.report.Cluster.Nodes(), name):
		l.bars = append(l.bars, m.bar(l, "", script.StateAlive))
	case slices.Contains(m.report.Cluster.Machines(), name):
		l.bars = append(l.bars, m.bar(l, "", stateFine))
	}
	return l
}

// followed returns the members whose state is told by any HAProxy: all members, or those that ever changed when there are
// many.
func (m model) followed() []string {
	const many = 6
	var changed []string
	for _, one := range m.report.Moments {
		if strings.HasSuffix(one.Lane, "/haproxy") && one.State != "" && one.Subject != "" {
			changed = append(changed, one.Subject)
		}
	}
	slices.Sort(changed)
	changed = slices.Compact(changed)
	members := m.report.Cluster.Members()
	if len(changed) == 0 || len(members) > many || slices.ContainsFunc(changed, func(c string) bool { return !slices.Contains(members, c) }) {
		return changed
	}
	return members
}

// bar follows one subject of a lane from how it begins.
func (m model) bar(l lane, subject string, begins script.State) bar {
	byState := begins != stateFine && slices.ContainsFunc(m.report.Moments, func(o script.Moment) bool { return o.State != "" })
	b := bar{subject: subject}
	now := span{from: m.from, state: begins, why: "so it began"}
	for _, one := range l.moments {
		state := one.State
		if one.Subject != subject && (one.State != "" || subject != "") {
			continue
		}
		if !byState && subject == "" {
			state = turned(one, begins)
		}
		if state == "" || state == now.state {
			continue
		}
		if now.to = one.At; now.to > now.from {
			b.spans = append(b.spans, now)
		}
		now = span{from: one.At, state: state, why: sentence(one)}
	}
	now.to = m.to
	if now.to > now.from || len(b.spans) == 0 {
		b.spans = append(b.spans, now)
	}
	return b
}

// turned returns the state that a moment without one leads to.
func turned(m script.Moment, fine script.State) script.State {
	switch {
	case m.Bad:
		return stateTrouble
	case m.Good:
		return fine
	}
	return ""
}

// sentence tells a moment with its reason.
func sentence(m script.Moment) string {
	if m.Reason == "" || strings.Contains(m.What, m.Reason) {
		return m.What
	}
	return m.What + ": " + m.Reason
}

// seconds writes a time in seconds.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// verdict tells in a few words what became of the promise.
func verdict(r script.Report) string {
	if r.Failure == nil {
		return "kept in " + briefly(r.Took)
	}
	return fmt.Sprintf("not kept: line %d, at %s", r.Failure.Line, briefly(r.Failure.At))
}

func briefly(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// marks returns where an axis has marks, on which this many have room: at multiples of 1, 2 or 5 of a decimal unit.
func (m model) marks(room int) []time.Duration {
	step, whole := int64(stepLeast), int64(m.to-m.from)
	for i := 0; whole/step >= int64(max(room, 2)); i++ {
		if i%3 == 1 {
			step = step / 2 * 5
		} else {
			step *= 2
		}
	}
	var out []time.Duration
	for n := int64(m.from) / step; n*step <= int64(m.to); n++ {
		if at := time.Duration(n * step); at >= m.from {
			out = append(out, at)
		}
	}
	return out
}

// stepLeast is the shortest time between two marks of an axis.
const stepLeast = 10 * time.Millisecond

// tick writes a mark of an axis: 0s, 250ms as 0.25s, 90s as 90s.
func tick(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0"), ".") + "s"
}
