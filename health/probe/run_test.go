// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/health"
)

func quiet() zerolog.Logger { return zerolog.Nop() }

// script is a prober that plays outcomes, the last one for ever, and notes when it was asked.
type script struct {
	began    time.Time
	asked    []time.Duration
	outcomes []outcome
	takes    time.Duration
}

func (s *script) once(ctx context.Context) outcome {
	i := min(len(s.asked), len(s.outcomes)-1)
	s.asked = append(s.asked, time.Since(s.began))
	select {
	case <-ctx.Done():
		return failed(ctx.Err())
	case <-time.After(s.takes):
		return s.outcomes[i]
	}
}

// scripted makes a runner whose probes are played, with no jitter to speak of.
func scripted(t *testing.T, s *script, options ...Option) (*runner, *[]health.Change) {
	t.Helper()
	changes := &[]health.Change{}
	spec := good()
	spec.FastInterval, spec.Jitter = 200*time.Millisecond, 1e-12
	r, err := newRunner(spec, func(c health.Change) { *changes = append(*changes, c) }, options)
	if err != nil {
		t.Fatal(err)
	}
	s.began, r.prober = time.Now(), s

	return r, changes
}

// play runs a check for a time.
func play(t *testing.T, r *runner, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r.run(ctx)
}

func TestIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := outcome{reason: "HTTP 503"}
		s := &script{outcomes: []outcome{{ok: true}, {ok: true}, bad, bad, bad, bad, {ok: true}}, takes: 10 * time.Millisecond}
		r, changes := scripted(t, s, WithOffset(300*time.Millisecond))
		play(t, r, 5*time.Second)
		var asked []time.Duration
		for _, d := range s.asked {
			asked = append(asked, d.Round(time.Millisecond))
		}
		const ms = time.Millisecond
		// The offset, the interval counted from the beginning of a probe, fast after failures that do not yet count.
		want := []time.Duration{300 * ms, 1300 * ms, 2300 * ms, 2500 * ms, 2700 * ms, 3700 * ms, 4700 * ms}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		var conditions []health.Condition
		for _, c := range *changes {
			conditions = append(conditions, c.To)
		}
		if want := []health.Condition{health.Up, health.Down, health.Up}; !slices.Equal(conditions, want) {
			t.Errorf("went %v, want %v", conditions, want)
		}
	})
}

func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{outcomes: []outcome{{ok: true}}}
		r, _ := scripted(t, s)
		r.spec.Jitter = 0 // the default
		play(t, r, time.Minute)
		low, high := time.Hour, time.Duration(0)
		for i := 1; i < len(s.asked); i++ {
			gap := s.asked[i] - s.asked[i-1]
			low, high = min(low, gap), max(high, gap)
		}
		if low < 900*time.Millisecond || high > 1100*time.Millisecond || high-low < 20*time.Millisecond {
			t.Errorf("intervals from %s to %s, want them spread from 900ms to 1.1s", low, high)
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{outcomes: []outcome{{ok: true}}, takes: time.Hour}
		r, changes := scripted(t, s)
		play(t, r, 10*time.Second)
		if len(*changes) != 1 || (*changes)[0].Reason != "3 failures in a row: no answer within 1s" {
			t.Errorf("changes %v", *changes)
		}
	})
}

// TestHintProves says what a hint does: a probe at once, one look more if that is answered, and proof if it is refused.
func TestHintProves(t *testing.T) {
	refused := outcome{refused: true, reason: "connection refused"}
	slow := outcome{reason: "no answer"}
	for _, c := range []struct {
		name     string
		hint     hint
		outcomes []outcome
		want     string // the reason of the change down
	}{
		{"refused after a close", hint{reason: "a close"}, []outcome{{ok: true}, refused}, "proven: connection refused, after a close"},
		{"refused at the second look", hint{reason: "a close"}, []outcome{{ok: true}, {ok: true}, refused}, "proven: connection refused, after a close"},
		{"slow after a close", hint{reason: "a close"}, []outcome{{ok: true}, slow, {ok: true}}, ""},
		{"slow after the end", hint{reason: "the end", gone: true}, []outcome{{ok: true}, slow}, "proven: no answer, after the end"},
		{"answered", hint{reason: "the end", gone: true}, []outcome{{ok: true}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{outcomes: c.outcomes}
				r, changes := scripted(t, s)
				r.spec.Interval, r.spec.FastInterval = never, 0
				timer := time.AfterFunc(time.Minute, func() { offer(r.hints, c.hint) })
				defer timer.Stop()
				play(t, r, 2*time.Minute)
				if len(s.asked) < 2 || s.asked[1] != time.Minute {
					t.Errorf("asked at %v, want one at 1m0s", s.asked)
				}
				got := ""
				if len(*changes) > 1 {
					got = (*changes)[1].Reason
				}
				if got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestHintDuringProbe says that a probe which hangs on a dead application gives way, and that one which a hint asked
// for does not.
func TestHintDuringProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{outcomes: []outcome{{ok: true}}, takes: 500 * time.Millisecond}
		r, _ := scripted(t, s)
		for i := range 20 {
			timer := time.AfterFunc(time.Duration(i+1)*100*time.Millisecond, func() { offer(r.hints, hint{reason: "flood"}) })
			defer timer.Stop()
		}
		play(t, r, 1950*time.Millisecond)
		const ms = time.Millisecond
		want := []time.Duration{0, 100 * ms, 600 * ms, 1100 * ms, 1600 * ms}
		if diff := cmp.Diff(want, s.asked); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestHints(t *testing.T) {
	weak, strong := hint{reason: "weak"}, hint{reason: "strong", gone: true}
	for _, c := range []struct{ a, b, want hint }{
		{hint{}, weak, weak},
		{weak, strong, strong},
		{strong, weak, strong},
		{weak, hint{reason: "second"}, weak},
	} {
		if got := c.a.merge(c.b); got != c.want {
			t.Errorf("%v and %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
	full := make(chan hint, 1)
	offer(full, weak)
	offer(full, strong) // does not block
	if got := <-full; got != weak {
		t.Errorf("got %v", got)
	}
}
