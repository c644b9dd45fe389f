// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/balancer/planner"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
	lookEvery = time.Second
	actWithin = 4 * time.Millisecond // from a new duty to the commands
	// roundsMax bounds how often one look plans anew.
	roundsMax = 6
)

// keeper keeps the balancer of a machine in step, with the planner of the product.
type keeper struct {
	m       *machine
	planner *planner.Planner
	duty    converge.Duty
	have    bool
	until   time.Time
	next    time.Duration // when it looks; 0 = not yet
	last    converge.Report
	told    bool
}

func newKeeper(m *machine) *keeper { return &keeper{m: m, planner: planner.New()} }

// take replaces the duty.
func (k *keeper) take(duties []converge.Duty) {
	k.have = len(duties) > 0
	if k.have {
		k.duty = duties[0]
		k.soon(actWithin)
	}
}

// soon makes it look within a time.
func (k *keeper) soon(within time.Duration) {
	at := k.m.w.now + k.m.w.some(within)
	if k.next > k.m.w.now && k.next <= at {
		return
	}
	k.next = at
	k.m.w.at(at, event{what: evLook, to: k.m, data: k})
}

// look compares, acts, and reports.
func (k *keeper) look() {
	if k.next == 0 || k.m.w.now < k.next || k.m.paused || !k.have {
		return
	}
	k.next = 0
	p := k.m.proxy
	if !p.runs || p.hangs {
		k.tell(converge.Report{Lost: true, Reason: "it does not answer", Servers: k.last.Servers})
		k.soon(lookEvery)
		return
	}
	now := k.m.now()
	var plan lbsync.Plan
	var idle string
	for range roundsMax {
		plan, idle = k.planner.Plan(now, k.until, k.duty, p.show())
		if len(plan.Ops) == 0 {
			break
		}
		p.before = p.serving()
		for _, op := range plan.Ops {
			k.m.w.checks.command(k.m, op)
			p.command(op)
		}
		k.m.w.checks.commanded(k.m, k.duty, plan)
	}
	if len(plan.Ops) > 0 {
		k.m.w.violate("a balancer does not settle", "%s: %d rounds, and still %v", k.m.name, roundsMax, plan.Ops)
	}
	snap := p.show()
	if idle == "" {
		p.kept = lbsync.Keep(snap)
	}
	r := converge.Report{InStep: plan.InStep, Reason: idle}
	r.Servers, r.Pending = planner.Servers(k.duty, snap, plan)
	k.tell(r)
	wait := lookEvery
	if !plan.Wake.IsZero() {
		wait = min(wait, max(plan.Wake.Sub(now), time.Millisecond))
	}
	k.soon(wait)
}

// tell reports what changed.
func (k *keeper) tell(r converge.Report) {
	r.Name, r.Epoch = k.duty.Balancer.Name, fmt.Sprintf("pid %d", k.m.proxy.pid)
	r.Since = k.last.Since
	if r.InStep != k.last.InStep || !k.told {
		r.Since = k.m.now()
	}
	if k.told && r.InStep == k.last.InStep && r.Lost == k.last.Lost && r.Reason == k.last.Reason && r.Epoch == k.last.Epoch && slices.Equal(r.Servers, k.last.Servers) {
		return
	}
	k.last, k.told = r, true
	k.m.step(core.Balanced{Report: r})
}
