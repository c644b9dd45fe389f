// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
)

// scene is one act while it is played.
type scene struct {
	*stage
	act    string
	victim *fleet.Machine
	armed  time.Time // when all watches ran: what is due from here on counts
	mark   int       // of the journal, before the fault
	fault  time.Time // when the kernel acted, or when the drain was asked for
	result Result

	lines   *lines
	telling sync.WaitGroup
	stop    context.CancelFunc // of telling
}

// open waits until all is well and starts the stop-watches. The scene must be closed.
func (s *stage) open(ctx context.Context, act string, victim string) (*scene, error) {
	s.story.progress("  waiting until all is well …")
	if err := s.fleet.AwaitWell(ctx); err != nil {
		return nil, err
	}
	sc := &scene{stage: s, act: act, victim: s.fleet.Machine(victim), result: Result{Act: act}, lines: &lines{story: s.story}, stop: func() {}}
	for _, k := range s.kinds() {
		for _, w := range s.watches[k] {
			if err := w.Arm(ctx); err != nil {
				return sc, err
			}
		}
	}
	sc.armed, sc.mark = time.Now(), s.journal.mark()
	s.story.progress("")
	return sc, nil
}

// close stops the stop-watches and the telling.
func (sc *scene) close() {
	for _, k := range sc.kinds() {
		sc.disarm(k)
	}
	sc.stop()
	sc.telling.Wait()
	sc.lines.tell(time.Now())
	sc.story.progress("")
}

func (sc *scene) disarm(k kind) {
	for _, w := range sc.watches[k] {
		w.Disarm()
	}
}

// struck begins the act's clock, and tells what the event streams say from now on.
func (sc *scene) struck(ctx context.Context, at time.Time, m moment) {
	sc.fault = at
	sc.story.happened(m)
	ctx, sc.stop = context.WithCancel(ctx)
	sc.telling.Go(func() {
		words := newWords(sc.act, sc.victim.Name)
		ticker := time.NewTicker(sortWithin / 2)
		defer ticker.Stop()
		for mark := sc.mark; ; {
			seen, next, changed := sc.journal.after(mark)
			mark = next
			for _, s := range seen {
				if m, ok := words.of(s); ok {
					sc.tell(s.at, m)
				}
			}
			select {
			case <-changed:
			case <-ticker.C:
				sc.lines.tell(time.Now().Add(-sortWithin))
			case <-ctx.Done():
				return
			}
		}
	})
}

// tell tells something that was seen at the given time.
func (sc *scene) tell(at time.Time, m moment) {
	m.after = at.Sub(sc.fault)
	sc.lines.add(at, m)
}

// concerns says whether an event is about the act's victim.
func (sc *scene) concerns(s sighting) bool {
	return s.Subject == sc.victim.Name || strings.HasSuffix(s.Subject, sc.victim.Member().String())
}

// detected waits for the first event that notices the fault.
func (sc *scene) detected(ctx context.Context, match func(sighting) bool) error {
	ctx, cancel := context.WithTimeout(ctx, outWithin)
	defer cancel()
	s, err := sc.journal.first(ctx, sc.mark, match)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no node noticed it within %s", outWithin)
	}
	if err != nil {
		return err
	}
	sc.result.Detected = s.at.Sub(sc.fault)
	return nil
}

// out waits until all balancers of a kind have the victim out of rotation, and returns when the last one had.
func (sc *scene) out(ctx context.Context, k kind) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, outWithin)
	defer cancel()
	var last time.Time
	for i, w := range sc.watches[k] {
		change, err := w.Await(ctx, func(c haproxy.Change) bool { return c.Server.Name == sc.victim.Name && c.Left() })
		if errors.Is(err, context.DeadlineExceeded) {
			return last, fmt.Errorf("the %s HAProxy of %s still sent requests to %s after %s", k, sc.fleet.Balancers()[i].Name, sc.victim.Name, outWithin)
		}
		if err != nil {
			return last, err
		}
		if change.At.After(last) {
			last = change.At
		}
	}
	return last, nil
}

// keptOut waits for the balancers that Evenkeel keeps.
func (sc *scene) keptOut(ctx context.Context) error {
	at, err := sc.out(ctx, kept)
	if err != nil {
		return err
	}
	sc.disarm(kept)
	sc.result.Kept.Out = at.Sub(sc.fault)
	sc.tell(at, moment{tone: good, glyph: "✔", who: "kept", what: "both HAProxies show " + sc.victim.Name + " out of rotation"})
	return nil
}

// peerOut waits for the balancers that Evenkeel does not touch. Their clock begins at the given time.
func (sc *scene) peerOut(ctx context.Context, since time.Time, takes string) error {
	if sc.opts.NoPeer {
		return nil
	}
	var at time.Time
	err := sc.while(ctx, "waiting for the peers' checks ("+takes+")", func(ctx context.Context) error {
		var err error
		at, err = sc.out(ctx, peer)
		return err
	})
	if err != nil {
		return err
	}
	sc.disarm(peer)
	sc.result.Peer = &Cost{Out: at.Sub(since)}
	what := "both HAProxies show " + sc.victim.Name + " out of rotation"
	if !since.Equal(sc.fault) {
		what = "both show " + sc.victim.Name + " out of rotation" + fmt.Sprintf(", %.1f s after the stop", at.Sub(since).Seconds())
	}
	sc.tell(at, moment{tone: warned, glyph: "✔", who: "peer", what: what})
	return nil
}

// restored waits until all is well again, and counts what became of the requests of the act.
func (sc *scene) restored(ctx context.Context) error {
	if err := sc.while(ctx, "restoring, until all is well again", sc.fleet.AwaitWell); err != nil {
		return err
	}
	end := time.Now()
	sc.tell(end, moment{tone: good, glyph: "✔", who: "all", what: "is well again"})
	err := fleet.Await(ctx, endWithin, "requests in flight", func(context.Context) string {
		for k, client := range sc.loads {
			if n := client.Window(sc.armed, end).Pending; n > 0 {
				return fmt.Sprintf("%d through the %s HAProxies have not ended", n, k)
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	sc.lines.tell(end)
	sc.count(kept, &sc.result.Kept, end)
	if sc.result.Peer != nil {
		sc.count(peer, sc.result.Peer, end)
	}
	return nil
}

// count takes the failed requests of the act, and tells them.
func (sc *scene) count(k kind, cost *Cost, end time.Time) {
	report := sc.loads[k].Window(sc.armed, end)
	cost.Failed, cost.Slow, cost.Late = report.Failed, report.Slow, report.MaxLate
	t := good
	if report.Failed > 0 {
		t = bad
	}
	text := fmt.Sprintf("%-5s %s of %d requests failed", k, grouped(float64(report.Failed)), report.Sent)
	if report.Slow > 0 {
		text += fmt.Sprintf(", %d took longer than 0.5 s", report.Slow)
	}
	sc.story.line("                " + sc.story.paint(t, text))
}
