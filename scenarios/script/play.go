// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"errors"
	"fmt"
)

// Play plays a script on a stage, which must hold the script's cluster, all well. Progress is called after each step, once
// more for what must never be and came to be, and may be nil. A step that fails ends the script; so does the context.
func Play(ctx context.Context, s *Script, stage Stage, progress func(Step, Result)) Report {
	p := &player{script: s, stage: stage, progress: progress, broken: -1, report: Report{
		File: s.File, Promise: s.Promise, Cluster: s.Cluster, Steps: len(s.Steps),
	}}
	for i := range s.Steps {
		if !p.step(ctx, i) {
			break
		}
	}
	p.last(ctx)
	p.report.Took = stage.Now()
	p.moments(ctx)
	return p.report
}

type player struct {
	script   *Script
	stage    Stage
	progress func(Step, Result)
	guards   []guard
	broken   int // index of the step that forbids what came to be; -1 = none did
	report   Report
}

// step plays one step and tells whether to go on.
func (p *player) step(ctx context.Context, i int) bool {
	step := p.script.Steps[i]
	r := Result{Line: step.Line, Text: step.Text, Began: p.stage.Now()}
	err := ctx.Err()
	if err == nil {
		r.Seen, err = p.act(ctx, i)
	}
	if err == nil {
		err = p.look(ctx)
	}
	r.Took, r.Verdict = p.stage.Now()-r.Began, verdict(ctx, err)
	if err != nil && (r.Seen == "" || r.Verdict == Failed && !errors.Is(err, errNotSo)) {
		r.Seen = err.Error()
	}
	if p.broken >= 0 {
		return p.cut(i, r)
	}
	p.add(i, r)
	if err != nil {
		p.report.Failure = &Failure{Line: r.Line, Text: r.Text, Verdict: r.Verdict, Seen: r.Seen, At: r.Began + r.Took}
	}
	return err == nil
}

// cut ends the script because what must never be came to be in a step. It returns false: there is nothing to go on with.
func (p *player) cut(i int, r Result) bool {
	f := p.report.Failure
	if p.broken == i {
		r.Verdict, r.Seen = Failed, f.Seen
		p.add(i, r)
		return false
	}
	r.Verdict = CutOff
	p.add(i, r)
	f.During = r.Line
	p.blame(p.broken, f.Seen)
	return false
}

// blame takes back that a step that was played before went well.
func (p *player) blame(i int, seen string) {
	p.report.Results[i].Verdict, p.report.Results[i].Seen = Failed, seen
	p.tell(i, p.report.Results[i])
}

func (p *player) add(i int, r Result) {
	p.report.Results = append(p.report.Results, r)
	p.tell(i, r)
}

func (p *player) tell(i int, r Result) {
	if p.progress != nil {
		p.progress(p.script.Steps[i], r)
	}
}

func verdict(ctx context.Context, err error) Verdict {
	switch {
	case err == nil:
		return OK
	case ctx.Err() != nil:
		return Stopped
	case errors.Is(err, ErrNotHere):
		return NotHere
	}
	return Failed
}

// act carries out a step, and returns what was seen.
func (p *player) act(ctx context.Context, i int) (string, error) {
	switch a := p.script.Steps[i].Act.(type) {
	case Wait:
		return "", p.pass(ctx, p.stage.Now()+a.For)
	case Fault:
		return "", p.stage.Fault(ctx, a)
	case Order:
		return p.order(ctx, a)
	case Never:
		p.guards = append(p.guards, guard{step: i, cond: a.Cond})
		return "", nil
	case Expect:
		return p.expect(ctx, a)
	}
	return "", fmt.Errorf("%w: a step of no known kind", ErrNotHere)
}

func (p *player) order(ctx context.Context, o Order) (string, error) {
	err := p.stage.Order(ctx, o)
	switch refused := errors.Is(err, ErrRefused); {
	case o.Refused && err == nil:
		return "it was accepted", errNotSo
	case o.Refused && refused:
		return err.Error(), nil
	}
	return "", err
}
