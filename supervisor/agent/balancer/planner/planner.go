// SPDX-License-Identifier: Apache-2.0

package planner

import (
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// asleep is why nothing is done when the moment has passed until which the node
// had authority: the process slept, or its loop is stuck.
const asleep = "this node does not know at present that a majority stands behind it"

// Planner plans for one balancer. It is not safe for concurrent use.
type Planner struct{ machine *lbsync.Machine }

// New returns a planner that knows nothing about its balancer yet.
func New() *Planner { return &Planner{machine: lbsync.NewMachine()} }

// Plan says what to do with the balancer that a snapshot shows. A reason tells why nothing may be done; the plan then says
// only how things stand. The moment is the one from which on nothing may be changed.
func (p *Planner) Plan(now, until time.Time, d converge.Duty, snap lbsync.Snapshot) (plan lbsync.Plan, idle string) {
	wants := wants(d)
	if idle := forbidden(now, until, d); idle != "" {
		return frozen(now, wants, snap), idle
	}
	return p.machine.Step(now, wants, d.Floors, snap), ""
}

// forbidden tells why nothing may be changed now.
func forbidden(now, until time.Time, d converge.Duty) string {
	if d.Frozen == "" && !now.Before(until) {
		return asleep
	}
	return d.Frozen
}

// frozen tells how things stand without wanting anything.
func frozen(now time.Time, ws []lbsync.Want, snap lbsync.Snapshot) lbsync.Plan {
	for i := range ws {
		ws[i].Service = lbsync.ServiceLeave
	}
	plan := lbsync.NewMachine().Step(now, ws, nil, snap)
	plan.Ops, plan.InStep, plan.Wake = nil, false, time.Time{}
	return plan
}

// wants turns a duty into the words of lbsync.
func wants(d converge.Duty) []lbsync.Want {
	out := make([]lbsync.Want, 0, len(d.Servers))
	for _, s := range d.Servers {
		out = append(out, lbsync.Want{
			Key: lbsync.Key{Backend: s.Backend, Server: s.Name}, Service: service(s.Service), Reason: s.Reason,
			Deadline: s.Deadline.D(), Kill: s.Deadline > 0, Weight: s.Weight, SlowStart: s.SlowStart.D(),
			Rank: s.Rank, Force: s.Force,
		})
	}
	return out
}

func service(s cluster.Service) lbsync.Service {
	switch s {
	case cluster.Serve:
		return lbsync.ServiceServe
	case cluster.Drain:
		return lbsync.ServiceDrain
	case cluster.Suspend:
		return lbsync.ServiceSuspend
	case cluster.Out:
		return lbsync.ServiceOut
	case cluster.Untouched:
	}
	return lbsync.ServiceLeave
}

// Backends names the backends that a duty is about, sorted.
func Backends(d converge.Duty) []string { return slices.Sorted(maps.Keys(d.Floors)) }

// Servers reports on the servers of a plan, and counts those that are on their way.
func Servers(d converge.Duty, snap lbsync.Snapshot, plan lbsync.Plan) (reports []converge.ServerReport, pending int) {
	members := make(map[lbsync.Key]cluster.MemberID, len(d.Servers))
	for _, s := range d.Servers {
		members[lbsync.Key{Backend: s.Backend, Server: s.Name}] = s.Member
	}
	reports = make([]converge.ServerReport, 0, len(plan.Phases))
	for _, p := range plan.Phases {
		s := converge.ServerReport{
			Member: members[p.Key], Backend: p.Key.Backend, Name: p.Key.Server, Admin: "unknown",
			Phase: p.Phase.String(), Reason: p.Reason, Sessions: p.Sessions,
		}
		if h, seen := snap.Servers[p.Key]; seen {
			s.Admin, s.Weight = h.Effective().String(), h.Weight
		}
		switch p.Phase {
		case lbsync.PhaseDraining, lbsync.PhaseWarming, lbsync.PhaseRamping:
			pending++
		case lbsync.PhaseReady, lbsync.PhaseDrained, lbsync.PhaseHeld, lbsync.PhaseOut, lbsync.PhaseLeft, lbsync.PhaseMissing:
		}
		reports = append(reports, s)
	}
	return reports, pending
}
