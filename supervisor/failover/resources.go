// SPDX-License-Identifier: Apache-2.0

package failover

import (
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/placement"
)

// Lapse is a voter's word that nothing of a life can act any more.
type Lapse struct {
	Node cluster.NodeID
	Life uint64 // epoch of the life
}

// Rights is what a node says that bears on who holds what. Its lists are in an order that stays the same.
type Rights struct {
	Lapsed    []Lapse
	Balancers []Trouble // of its own; one that answers has no Why
	Troubles  []Trouble // with resources that it was given
	Idle      []string  // resources that it holds and nobody uses
}

// Trouble is what is wrong with something that has a name.
type Trouble struct{ Name, Why string }

func (r Rights) equal(o Rights) bool {
	return slices.Equal(r.Lapsed, o.Lapsed) && slices.Equal(r.Balancers, o.Balancers) &&
		slices.Equal(r.Troubles, o.Troubles) && slices.Equal(r.Idle, o.Idle)
}

// fitting names a node that could hold a resource.
type fitting struct {
	resource string
	node     cluster.NodeID
}

// failure is that a node was given a resource and could not take it.
type failure struct {
	why string
	at  time.Time
}

// failureKept is for how long a node that could not take a resource is not given it again, if another one can hold it.
const failureKept = time.Minute

// planEvery is how often it is worked out who should hold what when nothing is heard and decided that bears on it: time alone
// brings a resource home, and makes a failure forgotten.
const planEvery = time.Second

// resources proposes, where the node leads, what should be decided about resources.
func (m *Machine) resources(now time.Time) []Action {
	if !m.leads || len(m.state.Spec.Resources) == 0 {
		return nil
	}
	m.planned = now
	ev := m.observed(now)
	m.noteFailures(now, ev)
	m.addFailures(now, ev)
	m.noteFitness(now, ev)
	m.addFitness(now, ev)
	var out []Action
	for _, d := range placement.Plan(m.state, ev) {
		w := wish{verb: "give", resource: d.Resource, number: d.Epoch, node: d.To}
		if d.Takes {
			w.verb = "recall"
		}
		out = append(out, m.propose(w, pending{at: now, resource: d.Resource, epoch: d.Epoch}, d.Body)...)
	}
	return out
}

// holds tells whether a living node holds anything: it leaves only when it has handed that over.
func (m *Machine) holds(id cluster.NodeID) bool {
	for _, name := range slices.Sorted(maps.Keys(m.state.Resources)) {
		r := m.state.Resource(name)
		if r.Holder == id && !m.state.Over(r) {
			return true
		}
	}
	return false
}

// Evidence is what this node knows beyond the log that bears on who should hold what. Where it leads, that includes what it
// remembers.
func (m *Machine) Evidence(now time.Time) placement.Evidence {
	ev := m.observed(now)
	m.addFailures(now, ev)
	m.addFitness(now, ev)
	return ev
}

// observed is what is heard from the nodes now.
func (m *Machine) observed(now time.Time) placement.Evidence {
	ev := placement.Evidence{Nodes: map[cluster.NodeID]placement.Node{}, Lapsed: map[uint64][]cluster.NodeID{}}
	for _, n := range m.state.Spec.Nodes {
		rep, ok := m.speaker(now, n.Name)
		if !ok {
			continue
		}
		ev.Nodes[n.Name] = known(rep, !slices.Contains(m.silent, n.Name))
		for _, l := range rep.rights.Lapsed {
			if n.Votes() {
				ev.Lapsed[l.Life] = append(ev.Lapsed[l.Life], n.Name)
			}
		}
	}
	return ev
}

func known(rep heard, hears bool) placement.Node {
	n := placement.Node{
		Heard: hears, Leaving: rep.leaving, Balancers: map[string]string{}, Troubles: map[string]string{},
		Idle: map[string]bool{}, FitFor: map[string]time.Duration{},
	}
	for _, b := range rep.rights.Balancers {
		n.Balancers[b.Name] = b.Why
	}
	for _, t := range rep.rights.Troubles {
		n.Troubles[t.Name] = t.Why
	}
	for _, r := range rep.rights.Idle {
		n.Idle[r] = true
	}
	return n
}

// noteFailures remembers who could not take what: whoever is not asked any more does not complain.
func (m *Machine) noteFailures(now time.Time, ev placement.Evidence) {
	maps.DeleteFunc(m.failed, func(_ fitting, f failure) bool { return now.Sub(f.at) >= failureKept })
	for _, r := range m.state.Spec.Resources {
		for _, id := range m.state.Spec.Eligible(r) {
			if why := ev.Nodes[id].Troubles[r.Name]; why != "" {
				m.failed[fitting{r.Name, id}] = failure{why, now}
			}
		}
	}
}

// addFailures adds what is remembered to what is known.
func (m *Machine) addFailures(now time.Time, ev placement.Evidence) {
	for _, r := range m.state.Spec.Resources {
		for _, id := range m.state.Spec.Eligible(r) {
			f, failed := m.failed[fitting{r.Name, id}]
			n, heard := ev.Nodes[id]
			if failed && heard && n.Troubles[r.Name] == "" && now.Sub(f.at) < failureKept && m.state.Resource(r.Name).Holder != id {
				n.Troubles[r.Name] = f.why
			}
		}
	}
}

// noteFitness keeps since when preferred nodes could hold resources that go back to them after a while.
func (m *Machine) noteFitness(now time.Time, ev placement.Evidence) {
	fit := map[fitting]time.Time{}
	for _, r := range m.state.Spec.Resources {
		if after, timed := r.FailbackAfter(); !timed || after == 0 {
			continue
		}
		for _, id := range r.Prefer {
			if placement.Unfit(m.state, ev, r, id) != "" {
				continue
			}
			since, ok := m.fit[fitting{r.Name, id}]
			if !ok {
				since = now
			}
			fit[fitting{r.Name, id}] = since
		}
	}
	m.fit = fit
}

// addFitness adds for how long that is.
func (m *Machine) addFitness(now time.Time, ev placement.Evidence) {
	for _, r := range m.state.Spec.Resources {
		for _, id := range r.Prefer {
			if since, ok := m.fit[fitting{r.Name, id}]; ok && ev.Nodes[id].FitFor != nil {
				ev.Nodes[id].FitFor[r.Name] = now.Sub(since)
			}
		}
	}
}
