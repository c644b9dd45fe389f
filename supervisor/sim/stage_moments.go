// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"context"
	"slices"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// tell keeps a moment that the stage itself made.
func (s *Stage) tell(m script.Moment) { s.diary = remember(s.diary, m) }

// tellResumed notes the end of a pause.
func (s *Stage) tellResumed(who string) {
	s.w.say("FAULT", who+" goes on")
	s.tell(moments.OfResumed(s.Now(), who, nil))
}

// Moments returns what has happened so far, in order: what the nodes tell, what the HAProxies showed, what the client met with,
// and what the stage did. What was before the script is left out.
func (s *Stage) Moments(ctx context.Context) ([]script.Moment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := slices.Clone(s.diary)
	if !s.begun {
		return out, nil
	}
	s.sample()
	out = append(out, moments.Told(s.cluster, s.journal.told)...)
	for _, show := range s.shows {
		out = append(out, moments.Shown(string(show.p.on.name), show.changes)...)
	}
	if s.client != nil {
		out = append(out, moments.Failed(s.client.failing, stageGrain)...)
	}
	slices.SortStableFunc(out, func(a, b script.Moment) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}
