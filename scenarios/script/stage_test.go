// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// paper is a world that is written down: what holds, and from when on. Its time passes only when it is let pass.
type paper struct {
	now     time.Duration
	grain   time.Duration
	still   bool
	cancel  context.CancelFunc
	stopAt  time.Duration
	facts   []fact
	refuses map[string]string // orders
	cannot  map[string]bool   // faults and conditions
	moments []script.Moment
	lost    bool // nobody knows what happened
}

// fact is that from a moment on a condition holds, does not, or cannot be looked at.
type fact struct {
	from  time.Duration
	cond  string
	how   string // so, not, blind
	words string
}

// readPaper reads a world: "so 1.2s web/web1 out: it is in maint", "not 3s ...", "blind 0s ...", "refuse ORDER: why",
// "cannot WHAT", "tell 1.2s LANE KIND: what", "grain 100ms", "stop 2s", "still", "lost".
func readPaper(t *testing.T, text string) *paper {
	p := &paper{grain: 100 * time.Millisecond, refuses: map[string]string{}, cannot: map[string]bool{}}
	for line := range strings.Lines(text) {
		line, words, _ := strings.Cut(strings.TrimSpace(line), ": ")
		verb, rest, _ := strings.Cut(line, " ")
		when, what, _ := strings.Cut(rest, " ")
		d, _ := time.ParseDuration(when)
		switch verb {
		case "so", "not", "blind":
			p.facts = append(p.facts, fact{d, what, verb, words})
		case "refuse":
			p.refuses[rest] = words
		case "cannot":
			p.cannot[rest] = true
		case "tell":
			lane, kind, _ := strings.Cut(what, " ")
			p.moments = append(p.moments, script.Moment{At: d, Lane: lane, Kind: kind, What: words})
		case "grain":
			p.grain = d
		case "stop":
			p.stopAt = d
		case "still":
			p.still = true
		case "lost":
			p.lost = true
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return p
}

func (p *paper) Now() time.Duration   { return p.now }
func (p *paper) Grain() time.Duration { return p.grain }

func (p *paper) Pass(ctx context.Context, d time.Duration) error {
	if !p.still {
		p.now += d
	}
	if p.stopAt > 0 && p.now >= p.stopAt {
		p.cancel()
	}
	return ctx.Err()
}

func (p *paper) Fault(_ context.Context, f script.Fault) error {
	if p.cannot[f.String()] {
		return fmt.Errorf("%s: %w", f.Kind, script.ErrNotHere)
	}
	return nil
}

func (p *paper) Order(_ context.Context, o script.Order) error {
	if why := p.refuses[strings.TrimSuffix(o.String(), " is refused")]; why != "" {
		return fmt.Errorf("%w: %s", script.ErrRefused, why)
	}
	return nil
}

func (p *paper) Look(_ context.Context, c script.Cond) (bool, string, error) {
	if p.cannot[c.String()] {
		return false, "", script.ErrNotHere
	}
	holds, seen, err := false, "nothing of the kind", error(nil)
	for _, f := range p.facts {
		if f.cond != c.String() || f.from > p.now {
			continue
		}
		holds, seen, err = f.how == "so", f.words, nil
		if f.how == "blind" {
			err = errors.New(f.words)
		}
	}
	return holds, seen, err
}

func (p *paper) Moments(context.Context) ([]script.Moment, error) {
	if p.lost {
		return nil, errors.New("the journal is full")
	}
	return p.moments, nil
}
