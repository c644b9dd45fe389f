// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"errors"
	"slices"
	"time"
)

// lastLooks is for how long what must never be is looked at again when the script is over and the last look told nothing.
const lastLooks = 5 * time.Second

// grainLeast is the least time between two looks, whatever a stage says.
const grainLeast = time.Millisecond

// Why a step fails when the stage itself had no error.
var (
	errNotSo  = errors.New("not so")
	errBroken = errors.New("what must never be came to be")
	errStill  = errors.New("the clock of this world stands still, so nothing can be waited for")
)

// guard is what must never be.
type guard struct {
	step   int // index
	cond   Cond
	unseen error // why the last look told nothing
}

// pass lets time pass until a moment, and looks after every bit of it at what must never be.
func (p *player) pass(ctx context.Context, until time.Duration) error {
	for now := p.stage.Now(); now < until; {
		bit := until - now
		if len(p.guards) > 0 {
			bit = min(bit, p.grain())
		}
		if err := p.stage.Pass(ctx, bit); err != nil {
			return err
		}
		before := now
		if now = p.stage.Now(); now <= before {
			return errStill
		}
		if err := p.look(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (p *player) grain() time.Duration { return max(p.stage.Grain(), grainLeast) }

// expect looks until the condition holds, or its time is over. A look that failed tells nothing: it is taken again.
func (p *player) expect(ctx context.Context, e Expect) (string, error) {
	until := p.stage.Now() + e.Within
	for {
		holds, seen, err := p.stage.Look(ctx, e.Cond)
		switch {
		case errors.Is(err, ErrNotHere):
			return "", err
		case err != nil:
			seen = unseen(err)
		case holds:
			return seen, nil
		}
		now := p.stage.Now()
		if now >= until {
			return seen, errNotSo
		}
		if err := p.pass(ctx, min(until, now+p.grain())); err != nil {
			return seen, err
		}
	}
}

// look looks at everything that must never be. A look that failed tells nothing; the last one must tell something.
func (p *player) look(ctx context.Context) error {
	for i := range p.guards {
		g := &p.guards[i]
		holds, seen, err := p.stage.Look(ctx, g.cond)
		g.unseen = err
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrNotHere):
			return err
		case err == nil && holds:
			p.broken = g.step
			of := p.script.Steps[g.step]
			p.report.Failure = &Failure{Line: of.Line, Text: of.Text, Verdict: Failed, Seen: seen, At: p.stage.Now()}
			return errBroken
		}
	}
	return nil
}

// last fails the script for what must never be, when it cannot be looked at in the end.
func (p *player) last(ctx context.Context) {
	at := p.blind()
	for until := p.stage.Now() + lastLooks; at >= 0 && p.report.Failure == nil && p.stage.Now() < until; at = p.blind() {
		if err := p.pass(ctx, p.stage.Now()+p.grain()); errors.Is(err, errBroken) {
			p.blame(p.broken, p.report.Failure.Seen)
		} else if err != nil {
			break
		}
	}
	if at < 0 || p.report.Failure != nil {
		return
	}
	g := p.guards[at]
	of := p.script.Steps[g.step]
	p.report.Failure = &Failure{Line: of.Line, Text: of.Text, Verdict: Failed, Seen: unseen(g.unseen), At: p.stage.Now()}
	p.blame(g.step, p.report.Failure.Seen)
}

// blind finds a guard whose last look told nothing; -1 if there is none.
func (p *player) blind() int {
	return slices.IndexFunc(p.guards, func(g guard) bool { return g.unseen != nil })
}

func unseen(err error) string { return "it could not be looked at: " + err.Error() }
