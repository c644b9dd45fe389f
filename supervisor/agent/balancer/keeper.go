// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

const (
	// lookEvery is how often a balancer is looked at when nothing happens. With
	// the driver's own time limit of 500 ms, a balancer that hangs is reported
	// within a second.
	lookEvery = 350 * time.Millisecond
	// passLimit bounds one pass over a balancer, its several batches included.
	passLimit = 5 * time.Second
	// roundsMax bounds how often one pass plans anew from a read-back.
	roundsMax = 6
	// freshFor is how long a snapshot may be planned from without a new look.
	freshFor = 2 * lookEvery
	// backoffMin and backoffMax bound the wait after a failed pass.
	backoffMin = 50 * time.Millisecond
	backoffMax = time.Second
	// reportEvery is how often a report goes out when nothing changed.
	reportEvery = time.Second
)

// keeper keeps one balancer in step.
type keeper struct {
	spec   cluster.BalancerSpec
	report func(converge.Report)
	log    zerolog.Logger
	duty   chan converge.Duty // holds the newest one

	// What follows belongs to run.
	driver   lbsync.Driver
	machine  *lbsync.Machine
	current  converge.Duty
	have     bool // current was given
	snap     lbsync.Snapshot
	snapAt   time.Time // zero = the snapshot must not be planned from
	tested   lbsync.Epoch
	kept     []lbsync.Kept
	keptOnce bool
	backoff  time.Duration
	last     converge.Report
	lastAt   time.Time
	drift    uint64
	phases   map[lbsync.Key]lbsync.ServerPhase
	notices  []cluster.Event
}

func newKeeper(spec cluster.BalancerSpec, report func(converge.Report), log zerolog.Logger) *keeper {
	return &keeper{
		spec: spec, report: report, duty: make(chan converge.Duty, 1), machine: lbsync.NewMachine(),
		log: log.With().Str("balancer", spec.Name).Logger(), phases: map[lbsync.Key]lbsync.ServerPhase{},
	}
}

// do gives the keeper a new duty in place of the former. Only Set.Run calls it.
func (k *keeper) do(d converge.Duty) {
	select {
	case <-k.duty:
	default:
	}
	k.duty <- d
}

func (k *keeper) run(ctx context.Context, open Open) {
	driver, err := open(k.spec)
	if err != nil {
		k.tell(time.Now(), lbsync.Plan{}, fmt.Errorf("it cannot be driven: %w", err))
		<-ctx.Done()
		return
	}
	k.driver = driver
	hints := driver.Watch(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		look := true
		select {
		case <-ctx.Done():
			return
		case k.current = <-k.duty:
			k.have = true
			look = false
		case _, ok := <-hints:
			if !ok {
				hints = nil
			}
		case <-timer.C:
		}
		if k.have {
			timer.Reset(k.pass(ctx, look))
		}
	}
}

// pass compares and acts once. It returns when to come again.
func (k *keeper) pass(ctx context.Context, look bool) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	plan, err := k.converge(ctx, look)
	now := time.Now()
	if errors.Is(ctx.Err(), context.Canceled) {
		return lookEvery
	}
	k.tell(now, plan, err)
	if err != nil {
		k.snapAt = time.Time{}
		k.backoff = min(max(2*k.backoff, backoffMin), backoffMax)
		return k.backoff
	}
	k.backoff = 0
	wait := lookEvery
	if !plan.Wake.IsZero() {
		wait = min(wait, max(plan.Wake.Sub(now), time.Millisecond))
	}
	return wait
}

// converge looks, plans, acts and reads back until nothing is left to do.
func (k *keeper) converge(ctx context.Context, look bool) (lbsync.Plan, error) {
	if err := k.observe(ctx, look); err != nil {
		return lbsync.Plan{}, err
	}
	wants := wants(k.current)
	if k.current.Frozen != "" {
		return k.frozenPlan(wants), nil
	}
	for range roundsMax {
		plan := k.machine.Step(time.Now(), wants, k.current.Floors, k.snap)
		k.drift += uint64(max(plan.Drift, 0))
		if plan.Drift > 0 {
			k.note("balancer.drift", k.spec.Name, fmt.Sprintf("%d servers were changed by somebody else; set back", plan.Drift))
		}
		if len(plan.Ops) == 0 {
			k.persist(ctx)
			return plan, nil
		}
		snap, failed, err := k.driver.Apply(ctx, k.snap.Epoch, plan.Ops)
		if errors.Is(err, lbsync.ErrEpoch) {
			if err := k.observe(ctx, true); err != nil {
				return plan, err
			}
			continue
		}
		if err != nil {
			return plan, err
		}
		k.merge(snap)
		if len(failed) > 0 {
			return plan, errors.New(failed[0].String())
		}
	}
	return lbsync.Plan{}, fmt.Errorf("it does not settle: %d rounds of changes were read back and still more are wanted", roundsMax)
}

// frozenPlan tells how things stand without wanting anything.
func (k *keeper) frozenPlan(ws []lbsync.Want) lbsync.Plan {
	for i := range ws {
		ws[i].Service = lbsync.ServiceLeave
	}
	plan := lbsync.NewMachine().Step(time.Now(), ws, nil, k.snap)
	plan.Ops, plan.InStep, plan.Wake = nil, false, time.Time{}
	return plan
}

// observe makes sure that the snapshot can be planned from.
func (k *keeper) observe(ctx context.Context, look bool) error {
	if !look && !k.snapAt.IsZero() && time.Since(k.snapAt) < freshFor && k.covers() {
		return nil
	}
	snap, err := k.driver.Observe(ctx, backends(k.current))
	if err != nil {
		return err
	}
	if !k.snap.Epoch.IsZero() && !snap.Epoch.Equal(k.snap.Epoch) {
		k.note("balancer.restarted", k.spec.Name, "its process was reloaded or restarted; everything is asserted again")
	}
	k.snap, k.snapAt = snap, time.Now()
	if !k.tested.Equal(snap.Epoch) || k.tested.IsZero() {
		if err := k.driver.SelfTest(ctx, keys(k.current)); err != nil {
			return err
		}
		k.tested = snap.Epoch
		k.keptOnce = false
	}
	return nil
}

// covers tells whether the snapshot speaks about every backend of the duty.
func (k *keeper) covers() bool {
	have := map[string]bool{}
	for key := range k.snap.Servers {
		have[key.Backend] = true
	}
	for _, b := range backends(k.current) {
		if !have[b] {
			return false
		}
	}
	return true
}

// merge takes a read-back, which may speak about some backends only.
func (k *keeper) merge(back lbsync.Snapshot) {
	touched := map[string]bool{}
	for key := range back.Servers {
		touched[key.Backend] = true
	}
	for key, h := range k.snap.Servers {
		if !touched[key.Backend] {
			back.Servers[key] = h
		}
	}
	k.snap, k.snapAt = back, time.Now()
}

// persist stores what the balancer's next start must take up. A failure is told
// and does not stop anything: the states in the balancer are right.
func (k *keeper) persist(ctx context.Context) {
	if !k.driver.Caps().Persist {
		return
	}
	keep := lbsync.Keep(k.snap)
	if k.keptOnce && reflect.DeepEqual(keep, k.kept) {
		return
	}
	if err := k.driver.Persist(ctx, keep); err != nil {
		k.log.Warn().Err(err).Msg("the state file cannot be written; a restart of the balancer would lose drains for a moment")
		return
	}
	k.kept, k.keptOnce = keep, true
}
