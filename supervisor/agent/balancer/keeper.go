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
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/balancer/planner"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

const (
	// lookEvery is how often a balancer is looked at when nothing happens. With
	// the driver's own time limit of 500 ms, a balancer that hangs is reported
	// within a second.
	lookEvery = 350 * time.Millisecond
	// hintGap is the least time between a look and one that a hint asks for.
	hintGap = 20 * time.Millisecond
	// passLimit bounds one pass over a balancer, its several batches included.
	passLimit = 5 * time.Second
	// roundsMax bounds how often one pass plans anew from a read-back.
	roundsMax = 6
	// freshFor is how long a snapshot may be planned from without a new look.
	freshFor = 2 * lookEvery
	// persistRetry is after how long the state file is tried again.
	persistRetry = 5 * time.Second
	// closeLimit bounds the wait for the last command of a balancer that is let go.
	closeLimit = time.Second
	// backoffMin and backoffMax bound the wait after a failed pass. A balancer is lost when two passes in a row have failed: one
	// that is being reloaded may refuse the first.
	backoffMin = 30 * time.Millisecond
	backoffMax = time.Second
	// reportEvery is how often a report goes out when nothing changed.
	reportEvery = time.Second
)

// keeper keeps one balancer in step.
type keeper struct {
	spec   cluster.BalancerSpec
	report func(converge.Report)
	log    zerolog.Logger
	until  func() time.Time   // from when on nothing may be changed
	duty   chan converge.Duty // holds the newest one

	// What follows belongs to run.
	driver   lbsync.Driver
	planner  *planner.Planner
	current  converge.Duty
	have     bool   // current was given
	idle     string // why the last pass changed nothing; empty = it did what was to be done
	snap     lbsync.Snapshot
	snapAt   time.Time // zero = the snapshot must not be planned from
	tested   lbsync.Epoch
	kept     []lbsync.Kept
	keptOnce bool
	unkept   string    // why the state file is not what it should be
	keepNext time.Time // when it is tried again
	backoff  time.Duration
	last     converge.Report
	lastAt   time.Time
	drift    uint64
	phases   map[lbsync.Key]lbsync.ServerPhase
	notices  []cluster.Event
}

func (s *Set) newKeeper(spec cluster.BalancerSpec, report func(converge.Report)) *keeper {
	return &keeper{
		spec: spec, report: report, duty: make(chan converge.Duty, 1), planner: planner.New(),
		until: s.until, log: s.log.With().Str("balancer", spec.Name).Logger(), phases: map[lbsync.Key]lbsync.ServerPhase{},
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
	if !k.open(ctx, open) {
		return
	}
	defer k.close(ctx)
	hints := k.driver.Watch(ctx)
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
			if rest := hintGap - time.Since(k.snapAt); rest > 0 {
				timer.Reset(rest) // whoever logs its traffic there must not have us look all the time
				continue
			}
		case <-timer.C:
		}
		if k.have {
			timer.Reset(k.pass(ctx, look))
		}
	}
}

// open makes the driver, however often that takes. It tells whether it did.
func (k *keeper) open(ctx context.Context, open Open) bool {
	for {
		driver, err := open(k.spec)
		if err == nil {
			k.driver, k.backoff = driver, 0
			return true
		}
		k.backoff = backoffMax
		k.tell(time.Now(), lbsync.Plan{}, fmt.Errorf("it cannot be driven: %w", err))
		select {
		case <-ctx.Done():
			return false
		case <-time.After(backoffMax):
		}
	}
}

// close waits for a command that is still unanswered: whoever drives the
// balancer next must not be overtaken by it.
func (k *keeper) close(ctx context.Context) {
	c, ok := k.driver.(interface {
		Close(ctx context.Context) error
	})
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		k.log.Warn().Err(err).Msg("its last command may still take effect")
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

// converge looks, plans, acts and reads back until nothing is left to do. In
// each round it goes by the newest duty, and by whether the node may act at all:
// acting can take long, and the process may have slept.
func (k *keeper) converge(ctx context.Context, look bool) (lbsync.Plan, error) {
	plan := lbsync.Plan{}
	for range roundsMax {
		select {
		case k.current = <-k.duty:
		default:
		}
		if err := k.observe(ctx, look); err != nil {
			return plan, err
		}
		look = false
		plan, k.idle = k.planner.Plan(time.Now(), k.until(), k.current, k.snap)
		if k.idle != "" {
			return plan, nil
		}
		k.countDrift(plan.Drift)
		if len(plan.Ops) == 0 {
			k.persist(ctx)
			return plan, nil
		}
		snap, failed, err := k.driver.Apply(ctx, k.snap.Epoch, plan.Ops)
		if errors.Is(err, lbsync.ErrEpoch) {
			look = true
			continue
		}
		if err != nil {
			return plan, err
		}
		k.merge(snap)
		if len(failed) > 0 {
			return plan, refused(failed)
		}
	}
	return lbsync.Plan{}, fmt.Errorf("it does not settle: %d rounds of changes were read back and still more are wanted", roundsMax)
}

func (k *keeper) countDrift(n int) {
	if n > 0 {
		k.drift += uint64(n)
		k.note("balancer.drift", k.spec.Name, fmt.Sprintf("%d servers were changed by somebody else; set back", n))
	}
}

func refused(failed []lbsync.OpErr) error {
	if len(failed) == 1 {
		return errors.New(failed[0].String())
	}
	return fmt.Errorf("%s, and %d more", failed[0].String(), len(failed)-1)
}

// observe makes sure that the snapshot can be planned from.
func (k *keeper) observe(ctx context.Context, look bool) error {
	if !look && !k.snapAt.IsZero() && time.Since(k.snapAt) < freshFor && k.covers() {
		return nil
	}
	snap, err := k.driver.Observe(ctx, planner.Backends(k.current))
	if err != nil {
		return err
	}
	if !k.snap.Epoch.IsZero() && !snap.Epoch.Equal(k.snap.Epoch) {
		k.note("balancer.restarted", k.spec.Name, "its process was reloaded or restarted; everything is asserted again")
	}
	k.snap, k.snapAt = snap, time.Now()
	if !k.tested.Equal(snap.Epoch) || k.tested.IsZero() {
		if err := k.driver.SelfTest(ctx, k.keys()); err != nil {
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
	for _, b := range planner.Backends(k.current) {
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
		k.unkept = ""
		return
	}
	now := time.Now()
	if k.unkept != "" && now.Before(k.keepNext) {
		return
	}
	if err := k.driver.Persist(ctx, keep); err != nil {
		if k.unkept == "" {
			k.note("balancer.state-file", k.spec.Name, err.Error())
		}
		k.unkept = fmt.Sprintf("the state file cannot be written, so a restart of the balancer would lose drains for a moment: %v", err)
		k.keepNext = now.Add(persistRetry)
		return
	}
	k.kept, k.keptOnce, k.unkept = keep, true, ""
}
