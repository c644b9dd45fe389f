// SPDX-License-Identifier: Apache-2.0

package script

import (
	"cmp"
	"context"
	"slices"
)

// The kinds of moments that are no events of the product.
const (
	KindFault  = "fault"
	KindOrder  = "order"
	KindFailed = "failed requests"
	KindExpect = "expect"
	KindNever  = "never"
)

// The lanes that are no machines.
const (
	LaneFault    = "fault"
	LaneOperator = "operator"
	LaneClient   = "client"
	LaneCluster  = "cluster"
	LaneScript   = "script" // what the script wants
)

// moments completes the report with what the stage tells, and with what it does not tell itself: what the script wanted,
// and its faults and orders.
func (p *player) moments(ctx context.Context) {
	all, err := p.stage.Moments(ctx)
	if err != nil {
		all = append(all, Moment{At: p.stage.Now(), Lane: LaneScript, Kind: KindExpect, What: "what happened is not known", Reason: err.Error(), Bad: true})
	}
	tells := func(kind string) bool { return slices.ContainsFunc(all, func(m Moment) bool { return m.Kind == kind }) }
	faults, orders := tells(KindFault), tells(KindOrder)
	for i, r := range p.report.Results {
		m, ok := momentOf(p.script.Steps[i].Act, r)
		if ok && (m.Kind != KindFault || !faults) && (m.Kind != KindOrder || !orders) {
			all = append(all, m)
		}
	}
	all = append(all, p.brokenMoments()...)
	slices.SortStableFunc(all, func(a, b Moment) int { return cmp.Compare(a.At, b.At) })
	p.report.Moments = all
}

// momentOf tells of a step; of what was waited for, when it came to be or was given up.
func momentOf(act Act, r Result) (Moment, bool) {
	bad := r.Verdict != OK
	m := Moment{At: r.Began, What: r.Text, Reason: r.Seen, Bad: bad}
	switch act.(type) {
	case Fault:
		m.Lane, m.Kind, m.Bad = LaneFault, KindFault, true
	case Order:
		m.Lane, m.Kind = LaneOperator, KindOrder
	case Expect:
		m.At, m.Lane, m.Kind, m.Good = r.Began+r.Took, LaneScript, KindExpect, !bad
		return m, r.Verdict != CutOff
	case Never:
		m.Lane, m.Kind, m.Bad, m.Reason = LaneScript, KindNever, false, "from here on"
	case Wait:
		return Moment{}, false
	}
	return m, true
}

// brokenMoments tells when what must never be came to be.
func (p *player) brokenMoments() []Moment {
	f := p.report.Failure
	for i, r := range p.report.Results {
		if _, never := p.script.Steps[i].Act.(Never); never && f != nil && f.Line == r.Line {
			return []Moment{{At: f.At, Lane: LaneScript, Kind: KindNever, What: f.Text, Reason: f.Seen, Bad: true}}
		}
	}
	return nil
}
