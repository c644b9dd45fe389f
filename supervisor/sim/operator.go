// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// submitWait is how long a request waits for its outcome.
const submitWait = 2 * time.Second

// asked is a request under way.
type asked struct {
	on   *machine
	life uint32
	body cluster.Body
	done func(core.Answer)
}

// ask lets an operator ask one node for something.
func (w *World) ask(m *machine, body cluster.Body, done func(core.Answer)) {
	if !m.acts() {
		return
	}
	w.requests++
	id := fmt.Sprintf("op-%d", w.requests)
	w.tally.Requests++
	w.asked[id] = asked{m, m.life, body, done}
	w.checks.wants(id, body)
	m.step(core.Submit{
		Command: cluster.Command{ID: id, At: m.now().UnixMilli(), By: id, Body: body}, Until: m.now().Add(submitWait),
	})
}

// answered takes the answer of a core.
func (w *World) answered(m *machine, a core.Answer) {
	r, ok := w.asked[a.ID]
	if !ok {
		w.violate("every request is answered once", "%s answers %s, which nobody waits for", m.name, a.ID)
		return
	}
	delete(w.asked, a.ID)
	if a.Err == nil && a.Outcome.Result == cluster.Accepted {
		w.tally.Accepted++
		w.checks.acknowledged(r, a.Outcome)
	}
	if r.done != nil {
		r.done(a)
	}
}

// operate lets an operator ask for something.
func (w *World) operate() {
	m := w.anyNode()
	var body cluster.Body
	member := cluster.MemberID{Pool: poolName}
	if a := w.anyApp(); a != nil {
		member.Member = string(a.on.name)
	}
	mode := []cluster.Mode{cluster.ModeActive, cluster.ModeActive, cluster.ModeStandby, cluster.ModeMaintenance}
	admin := []cluster.Admin{cluster.AdminReady, cluster.AdminReady, cluster.AdminDrain, cluster.AdminMaint}
	switch {
	case w.opt.Resources > 0 && w.rng.IntN(3) == 0:
		verbs := []cluster.Verb{cluster.VerbMove, cluster.VerbMove, cluster.VerbRestart, cluster.VerbBan, cluster.VerbClear, cluster.VerbEnable, cluster.VerbDisable}
		body = cluster.SetResource{
			Resource: fmt.Sprintf("vip%d", 1+w.rng.IntN(w.opt.Resources)), Verb: verbs[w.rng.IntN(len(verbs))], Node: w.anyNode().name,
		}
	case w.rng.IntN(3) == 0:
		body = cluster.SetMode{Node: w.anyNode().name, Mode: mode[w.rng.IntN(len(mode))], Force: w.rng.IntN(4) == 0}
	default:
		body = cluster.SetMember{Member: member, Admin: admin[w.rng.IntN(len(admin))], Force: w.rng.IntN(4) == 0}
	}
	w.say("FAULT", fmt.Sprintf("operator at %s: %T %+v", m.name, body, body))
	w.ask(m, body, nil)
}

// reconfigure applies a cluster file that differs a little.
func (w *World) reconfigure() {
	m := w.anyNode()
	if !m.acts() {
		return
	}
	spec, revision := m.core.Spec()
	if len(spec.Pools) == 0 {
		return
	}
	pool := spec.Pools[0]
	pool.Drain.Deadline = cluster.Duration(time.Duration(w.rng.IntN(10)) * time.Second)
	floor := w.rng.IntN(w.opt.Web + 1)
	pool.Drain.Floor = &floor
	spec.Pools = []cluster.PoolSpec{pool}
	if len(spec.Nodes) > leastVoters && w.rng.IntN(3) == 0 {
		spec.Nodes = otherVoters(spec, w.rng.IntN(len(spec.Nodes)))
	}
	if w.rng.IntN(2) == 0 {
		revision = uint64(w.rng.IntN(int(revision) + 2)) // perhaps it is not the newest
	}
	w.say("FAULT", fmt.Sprintf("operator at %s applies a file with floor %d, if the revision is %d", m.name, floor, revision))
	w.ask(m, cluster.SetSpec{Spec: spec, IfRevision: &revision}, nil)
}

// leastVoters is how many voters are left in any case.
const leastVoters = 3

// otherVoters lets one node vote that does not, or the other way round.
func otherVoters(spec cluster.Spec, i int) []cluster.NodeSpec {
	nodes := slices.Clone(spec.Nodes)
	votes := nodes[i].Votes()
	if votes && (len(spec.Voters()) == leastVoters || nodes[i].Witness) {
		return nodes
	}
	now := !votes
	nodes[i].Vote = &now
	return nodes
}

// leave stops a supervisor in good order.
func (w *World) leave(m *machine) {
	if m.acts() {
		m.leaves = true
		m.step(core.Leave{})
	}
}
