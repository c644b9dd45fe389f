// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// wrong tells what is not as it should be, now that nothing fails any more (L6, L11); empty if all is right.
func (w *World) wrong() string {
	var first *machine
	for _, m := range w.nodes {
		if !m.acts() {
			if !m.buried {
				return string(m.name) + " does not run"
			}
			continue
		}
		if first == nil {
			first = m
		}
		if why := w.nodeWrong(m, first); why != "" {
			return string(m.name) + ": " + why
		}
	}
	if first == nil {
		return "nobody runs"
	}
	for _, n := range first.core.View(first.now()).Nodes {
		if n.Votes && n.Log != "voter" {
			return fmt.Sprintf("%s has no vote in the log", n.Name)
		}
	}
	state := first.core.State()
	for _, m := range w.nodes {
		if st := state.Node(m.name); !m.acts() && st.Life == cluster.LifeAlive {
			return fmt.Sprintf("%s is taken for alive", m.name)
		}
	}
	if why := w.membersWrong(state); why != "" {
		return why
	}
	if why := w.resourcesWrong(state); why != "" {
		return why
	}
	for _, m := range w.nodes {
		if m.acts() && m.proxy != nil {
			if why := w.proxyWrong(m, state); why != "" {
				return string(m.name) + "'s balancer: " + why
			}
		}
	}
	return ""
}

func (w *World) nodeWrong(m, first *machine) string {
	state := m.core.State()
	me := state.Node(m.name)
	leader := w.machine(string(m.core.Leader()))
	switch {
	case m.leaves:
		return "it is about to stop"
	case m.core.Authority() != "":
		return m.core.Authority()
	case leader == nil || !leader.acts():
		return fmt.Sprintf("the leader is %q", m.core.Leader())
	case m.core.Leader() != first.core.Leader():
		return fmt.Sprintf("the leader is %s, others say %s", m.core.Leader(), first.core.Leader())
	case me.Life != cluster.LifeAlive || me.Install != m.disk.install || me.Boot != m.disk.boot:
		return fmt.Sprintf("admitted is life %d, %s; it lives in %d", me.Boot, me.Life, m.disk.boot)
	case state.Index != first.core.State().Index:
		return fmt.Sprintf("it has applied %d, others %d", state.Index, first.core.State().Index)
	}
	return ""
}

// membersWrong compares what the cluster says of the members with what is true of them, as far as somebody can look.
func (w *World) membersWrong(state cluster.State) string {
	probed := slices.ContainsFunc(w.nodes, func(m *machine) bool { return m.acts() && m.proxy != nil })
	for _, o := range w.machines {
		if o.app == nil {
			continue
		}
		member, node := state.Member(cluster.MemberID{Pool: poolName, Member: string(o.name)}), state.Node(o.name)
		if own := slices.Contains(w.nodes, o); own && node.Life != cluster.LifeAlive || !own && !probed {
			continue
		}
		if (o.app.fate == appRuns && !o.off) != (member.Condition == cluster.Up) {
			return fmt.Sprintf("%s is taken for %s", o.name, member.Condition)
		}
	}
	return ""
}

// resourcesWrong wants every resource to be held, by a node that can hold it, if there is one.
func (w *World) resourcesWrong(state cluster.State) string {
	for _, spec := range state.Spec.Resources {
		r := state.Resource(spec.Name)
		fit := slices.ContainsFunc(w.nodes, func(m *machine) bool { return m.acts() && w.unfit(state, spec, m) == "" })
		switch {
		case r.Holder == "" && fit:
			return "nobody holds " + spec.Name
		case r.Holder == "", state.Over(r) && !fit:
			continue
		case r.Leaving || state.Over(r):
			return fmt.Sprintf("%s is held by %s, which lets it go or is lost", spec.Name, r.Holder)
		}
		m := w.machine(string(r.Holder))
		if !m.guard.serves(spec.Name) {
			return fmt.Sprintf("%s is held by %s, and nothing answers", spec.Name, r.Holder)
		}
		if _, timed := spec.FailbackAfter(); timed && len(spec.Prefer) > 0 && r.Holder != spec.Prefer[0] && state.Node(r.Holder).Mode != cluster.ModeMaintenance {
			if home := w.machine(string(spec.Prefer[0])); home.acts() && w.unfit(state, spec, home) == "" {
				return fmt.Sprintf("%s is held by %s and not by %s", spec.Name, r.Holder, home.name)
			}
		}
		if why := w.unfit(state, spec, m); fit && why != "" && state.Node(m.name).Mode != cluster.ModeMaintenance {
			return fmt.Sprintf("%s is held by %s, and others could: %s", spec.Name, r.Holder, why)
		}
	}
	return ""
}

// unfit tells why a machine that runs cannot hold a resource.
func (w *World) unfit(state cluster.State, spec cluster.ResourceSpec, m *machine) string {
	if why := state.Unfit(spec.Name, m.name); why != "" || spec.Balancer == "" {
		return why
	}
	if m.proxy == nil || !m.proxy.runs || m.proxy.hangs {
		return "its balancer does not answer"
	}
	return ""
}

// proxyWrong compares what a balancer does with what is true of the members.
func (w *World) proxyWrong(m *machine, state cluster.State) string {
	if state.Node(m.name).Mode == cluster.ModeMaintenance {
		return "" // it is not touched
	}
	k := m.keeper
	if k == nil || !k.have || !k.last.InStep || k.last.Pending > 0 {
		return "not in step"
	}
	floor, serving := k.duty.Floors[poolName], m.proxy.serving()
	for _, o := range w.machines {
		if o.app == nil {
			continue
		}
		h := m.proxy.servers[key(o)]
		member := state.Member(cluster.MemberID{Pool: poolName, Member: string(o.name)})
		node := state.Node(o.name)
		agentless := w.opt.Web+w.opt.Balancers+w.opt.Witnesses <= o.index
		should := o.app.fate == appRuns && !o.off && member.Admin == cluster.AdminReady &&
			(agentless || node.Life == cluster.LifeAlive && node.Mode != cluster.ModeStandby)
		switch {
		case !agentless && node.Mode == cluster.ModeMaintenance:
			// nothing is promised about its members
		case should && !h.Serving():
			return fmt.Sprintf("%s can serve and gets nothing: %s", o.name, h.Admin)
		case !should && h.Serving() && serving > floor:
			return fmt.Sprintf("%s cannot serve and gets requests, with %d in service and a floor of %d", o.name, serving, floor)
		}
	}
	return ""
}
