// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// act is what can be played.
type act struct {
	name    string
	title   string
	lasts   time.Duration // about, with the peers' own checks
	alone   time.Duration // about, without them
	perform func(context.Context, *stage) (Result, error)
}

func allActs() []act {
	return []act{
		{ActApplication, "the application on web1 is killed", 10 * time.Second, 4 * time.Second, playApplication},
		{ActNode, "web3 is cut off all networks", 18 * time.Second, 6 * time.Second, playNode},
		{ActDrain, "planned work: a new version on web2", 12 * time.Second, 5 * time.Second, playDrain},
	}
}

// playApplication kills an application while its node lives: the node's own Evenkeel notices.
func playApplication(ctx context.Context, s *stage) (Result, error) {
	sc, err := s.open(ctx, ActApplication, "web1")
	if sc != nil {
		defer sc.close()
	}
	if err != nil {
		return Result{}, err
	}
	at := time.Now() // before the kernel acts, here and below: no figure of ours gets better by that
	if err := sc.victim.App.Strike(); err != nil {
		return Result{}, err
	}
	sc.struck(ctx, at, moment{tone: bad, glyph: "✖", who: "web1", what: "the application is killed (SIGKILL)"})
	err = sc.detected(ctx, sc.concerns)
	if err == nil {
		err = sc.keptOut(ctx)
	}
	if err == nil {
		err = sc.peerOut(ctx, at, "about 5 s")
	}
	if err != nil {
		return Result{}, err
	}
	if err := sc.replaceApp(ctx); err != nil {
		return Result{}, err
	}
	sc.tell(time.Now(), moment{glyph: "↻", who: "web1", what: "the application is started again"})
	err = sc.restored(ctx)
	return sc.result, err
}

// playNode cuts a node off the network: the others must find out by its silence, and agree.
func playNode(ctx context.Context, s *stage) (Result, error) {
	sc, err := s.open(ctx, ActNode, "web3")
	if sc != nil {
		defer sc.close()
	}
	if err != nil {
		return Result{}, err
	}
	at := time.Now()
	if _, err := s.world.Cut(sc.victim.Node); err != nil {
		return Result{}, err
	}
	sc.struck(ctx, at, moment{tone: bad, glyph: "✖", who: "web3", what: "every packet from and to it is dropped from now on"})
	err = sc.detected(ctx, func(s sighting) bool { return s.from != sc.victim.Name && sc.concerns(s) })
	if err == nil {
		err = sc.keptOut(ctx)
	}
	if err == nil {
		err = sc.peerOut(ctx, at, "about 11 s")
	}
	if err != nil {
		return Result{}, err
	}
	healed, err := s.world.Heal(sc.victim.Node)
	if err != nil {
		return Result{}, err
	}
	sc.tell(healed, moment{glyph: "↻", who: "web3", what: "the network is whole again"})
	err = sc.restored(ctx)
	return sc.result, err
}

// playDrain is a deploy: drain, stop, start, bring back. The peers are not told; they see an application that stops.
func playDrain(ctx context.Context, s *stage) (Result, error) {
	sc, err := s.open(ctx, ActDrain, "web2")
	if sc != nil {
		defer sc.close()
	}
	if err != nil {
		return Result{}, err
	}
	sc.struck(ctx, time.Now(), moment{tone: strong, glyph: "▸", who: "operator", what: "evenkeel pool drain web/web2 --wait"})
	if err := sc.setAdmin(ctx, cluster.AdminDrain); err != nil {
		return Result{}, err
	}
	err = sc.detected(ctx, func(s sighting) bool { return s.Kind == cluster.EventMemberAdmin && sc.concerns(s) })
	if err == nil {
		err = sc.keptOut(ctx)
	}
	if err == nil {
		err = s.fleet.AwaitMember(ctx, sc.victim, "drained", "out")
	}
	if err == nil {
		err = sc.deploy(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	sc.tell(time.Now(), moment{tone: strong, glyph: "▸", who: "operator", what: "evenkeel pool ready web/web2 --wait"})
	if err := sc.setAdmin(ctx, cluster.AdminReady); err != nil {
		return Result{}, err
	}
	if err := s.fleet.AwaitMember(ctx, sc.victim, "ready"); err != nil {
		return Result{}, err
	}
	err = sc.restored(ctx)
	return sc.result, err
}

// deploy stops the application and starts it again. It stays stopped until the peers have noticed, so that their figure is
// that of their own checks.
func (sc *scene) deploy(ctx context.Context) error {
	stopped := time.Now()
	if err := sc.victim.App.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	sc.tell(stopped, moment{glyph: "↻", who: sc.victim.Name, what: "the application is stopped for the new version"})
	if err := sc.peerOut(ctx, stopped, "about 5 s"); err != nil {
		return err
	}
	if err := sc.replaceApp(ctx); err != nil {
		return err
	}
	sc.tell(time.Now(), moment{glyph: "↻", who: sc.victim.Name, what: "the new version is started"})
	return nil
}

// replaceApp starts another application as soon as the former one has ended, which was told to.
func (sc *scene) replaceApp(ctx context.Context) error {
	if _, err := sc.victim.App.Wait(ctx); err != nil {
		return err
	}
	return sc.victim.App.Start(ctx)
}

// setAdmin asks a node for another administrative state of the victim, as the command line does.
func (sc *scene) setAdmin(ctx context.Context, admin cluster.Admin) error {
	outcome, err := sc.fleet.Balancers()[0].API.SetAdmin(ctx, cluster.SetMember{Member: sc.victim.Member(), Admin: admin, Reason: "demo: new version"})
	if err != nil {
		return fmt.Errorf("%s %s: %w", admin, sc.victim.Member(), err)
	}
	if outcome.Result == cluster.Rejected {
		return fmt.Errorf("%s %s: refused: %s", admin, sc.victim.Member(), outcome.Reason)
	}
	return nil
}
