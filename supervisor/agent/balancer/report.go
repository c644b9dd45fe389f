// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/balancer/planner"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// keys names the servers that the self-test is about: those that are wanted and
// there. What is missing is told as such, server by server, and must not keep the
// others from being looked after; a balancer that has none of them is another one.
func (k *keeper) keys() []lbsync.Key {
	var all, there []lbsync.Key
	for _, s := range k.current.Servers {
		key := lbsync.Key{Backend: s.Backend, Server: s.Name}
		all = append(all, key)
		if _, ok := k.snap.Servers[key]; ok {
			there = append(there, key)
		}
	}
	if len(there) == 0 {
		return all
	}
	return there
}

func (k *keeper) note(kind, subject, reason string) {
	k.notices = append(k.notices, cluster.Event{At: time.Now().UnixMilli(), Kind: kind, Subject: subject, Reason: reason})
}

// tell reports how the balancer stands after a pass.
func (k *keeper) tell(now time.Time, plan lbsync.Plan, err error) {
	r := converge.Report{Name: k.spec.Name, InStep: plan.InStep && err == nil, Lost: err != nil && k.backoff > 0, Drift: k.drift, Epoch: epoch(k.snap.Epoch)}
	switch {
	case err != nil:
		r.Reason = err.Error()
	case k.idle != "":
		r.Reason = k.idle
	case !plan.InStep:
		r.Reason = missing(plan)
	case k.unkept != "":
		r.Reason = k.unkept
	case len(plan.Held) > 0:
		r.Reason = plan.Held[0].Key.String() + ": " + plan.Held[0].Reason
	}
	r.Since = k.last.Since
	if r.InStep != k.last.InStep || k.lastAt.IsZero() {
		r.Since = now
		if !r.InStep {
			k.note("balancer.out-of-step", k.spec.Name, r.Reason)
		} else {
			k.note("balancer.in-step", k.spec.Name, "it shows all that is wanted of it")
		}
	}
	if err == nil {
		r.Servers, r.Pending = k.servers(plan)
	} else {
		r.Servers = k.last.Servers
	}
	if len(k.notices) == 0 && now.Sub(k.lastAt) < reportEvery && same(r, k.last) {
		return
	}
	r.Notices, k.notices = k.notices, nil
	k.last, k.lastAt = r, now
	k.last.Notices = nil
	k.report(r)
}

func same(a, b converge.Report) bool {
	return a.InStep == b.InStep && a.Lost == b.Lost && a.Reason == b.Reason && a.Drift == b.Drift && a.Epoch == b.Epoch && slices.Equal(a.Servers, b.Servers)
}

// missing names what a balancer that answers does not show.
func missing(plan lbsync.Plan) string {
	var out []string
	for _, p := range plan.Phases {
		if p.Phase == lbsync.PhaseMissing {
			out = append(out, p.Reason)
		}
	}
	if len(out) == 0 {
		return "changes are under way"
	}
	if len(out) > 3 {
		out = append(out[:3], fmt.Sprintf("and %d more", len(out)-3))
	}
	return strings.Join(out, "; ")
}

func epoch(e lbsync.Epoch) string {
	if e.IsZero() {
		return ""
	}
	return fmt.Sprintf("pid %d since %s", e.PID, e.Started.UTC().Format(time.RFC3339))
}

// servers turns phases into reports, and notes every change of phase.
func (k *keeper) servers(plan lbsync.Plan) ([]converge.ServerReport, int) {
	out, pending := planner.Servers(k.current, k.snap, plan)
	phases := make(map[lbsync.Key]lbsync.ServerPhase, len(plan.Phases))
	for i, p := range plan.Phases {
		phases[p.Key] = p
		k.notePhase(out[i], k.phases[p.Key], p)
	}
	if k.idle == "" {
		k.phases = phases
	}
	return out, pending
}

// notePhase tells that a server went from one phase to another. What was found
// in service at the first look is no news.
func (k *keeper) notePhase(s converge.ServerReport, old, now lbsync.ServerPhase) {
	if old.Phase == now.Phase || k.idle != "" {
		return
	}
	first := old.Phase == 0
	if first && (now.Phase == lbsync.PhaseReady || now.Phase == lbsync.PhaseLeft) {
		return
	}
	from := ""
	if !first {
		from = old.Phase.String()
	}
	k.notices = append(k.notices, cluster.Event{
		At: time.Now().UnixMilli(), Kind: "balancer.server", Subject: k.spec.Name + ":" + s.Member.String(),
		From: from, To: now.Phase.String(), Reason: now.Reason,
	})
}
