// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

var flapping = flag.Duration("flapping", 10*time.Second, "for how long the cable flaps in TestFlappingCable")

// TestMinority: a holder that has lost all rails lets go by itself, although its clients reach it all the while; the majority takes
// over after that, and nothing moves when the rails are back.
func TestMinority(t *testing.T) {
	s := open(t, options{})
	holder := s.held("")
	report := s.asks()
	begin := time.Now()
	for rail := 1; rail <= lab.DefaultRails; rail++ {
		s.must(ignore(s.world.CutRail(rail, holder.Node)))
	}
	s.held(s.other(holder).Name)
	s.must(ignore(s.world.HealAll()))
	s.must(s.AwaitWell(t.Context()))
	time.Sleep(quiet)
	r := report(begin)
	t.Logf("gap %s; %d of %d requests failed: %v", r.Gap().Round(time.Millisecond), r.Failed, r.Sent, r.Kinds)
	if now := s.held(""); now == holder {
		t.Errorf("%s has it again", now.Name)
	}
	s.wire.never(t, begin, 1)
}

// TestNetworkGoneAndBack: when all rails of all nodes were dead for longer than any right lasts, nobody holds the address, and when
// they are back, whoever held it holds it again: nobody was condemned for being heard a little later than the others.
func TestNetworkGoneAndBack(t *testing.T) {
	s := open(t, options{})
	holder := s.held("")
	begin, before := time.Now(), s.given()
	for range 3 {
		s.must(ignore(s.world.Cut(nodesOf(s.Nodes())...)))
		time.Sleep(quiet)
		s.must(ignore(s.world.HealAll()))
		s.must(s.AwaitWell(t.Context()))
		s.held("")
	}
	if moves := s.given() - before; moves > 0 || s.held("") != holder {
		t.Errorf("%d moves, %s holds it", moves, s.held("").Name)
	}
	s.wire.never(t, begin, 0)
}

func nodesOf(machines []*fleet.Machine) []*lab.Node {
	var out []*lab.Node
	for _, m := range machines {
		out = append(out, m.Node)
	}
	return out
}

// TestFlappingCable: the cable of the holder's clients flaps between five times a second and once in five seconds. The address moves
// away once, and does not come back while it flaps.
func TestFlappingCable(t *testing.T) {
	s := open(t, options{})
	holder := s.held("")
	begin, before := time.Now(), s.given()
	plug := func(to string) {
		port := "p" + string(rune('0'+holder.Node.Index())) + "-0"
		out, err := exec.Command("ip", "netns", "exec", strings.TrimSuffix(holder.Node.Netns(), holder.Name)+"sw", "ip", "link", "set", port, to).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for time.Since(begin) < *flapping {
		plug("down")
		time.Sleep(100*time.Millisecond + rand.N(2400*time.Millisecond))
		plug("up")
		time.Sleep(100*time.Millisecond + rand.N(2400*time.Millisecond))
	}
	s.held("")
	moves := s.given() - before
	t.Logf("%d moves", moves)
	if most := 1 + int(*flapping/time.Minute); moves > most {
		t.Errorf("%d moves, at most %d are good for anything", moves, most)
	}
	s.wire.never(t, begin, moves)
}

// TestStranger: whoever has the address already is told of by his hardware address, and left alone.
func TestStranger(t *testing.T) {
	s := open(t, options{})
	s.ask(cluster.VerbDisable)
	s.stands(cluster.ResourceDisabled)
	_, err := s.client.Run(t.Context(), "ip", "addr", "add", s.vip.String(), "dev", lab.InterfaceName(0))
	s.must(err)
	begin := time.Now()
	s.ask(cluster.VerbEnable)
	r := s.stands(cluster.ResourceTrouble)
	if mac := "02:65:6b:00:00:"; !strings.Contains(r.Reason, mac) {
		t.Errorf("the reason does not tell who has it: %s", r.Reason)
	}
	time.Sleep(quiet)
	if spans := s.wire.since(begin); len(spans) > 1 {
		t.Errorf("%s spoke as the address", spans[1].node)
	}
	_, err = s.client.Run(t.Context(), "ip", "addr", "del", s.vip.String(), "dev", lab.InterfaceName(0))
	s.must(err)
	s.held("")
}

// TestIPv6: the neighbours hear of the move of an IPv6 address as well.
func TestIPv6(t *testing.T) {
	s := open(t, options{address: vip6})
	_, err := s.client.Run(t.Context(), "ip", "addr", "add", "fd77::9/64", "dev", lab.InterfaceName(0), "nodad")
	s.must(err)
	holder := s.held("")
	report := s.asks()
	time.Sleep(300 * time.Millisecond)
	begin := time.Now()
	s.must(ignore(s.world.Cut(holder.Node)))
	s.held(s.other(holder).Name)
	time.Sleep(300 * time.Millisecond)
	r := report(begin)
	t.Logf("gap %s; %d of %d requests failed: %v", r.Gap().Round(time.Millisecond), r.Failed, r.Sent, r.Kinds)
	if r.Server(s.other(holder).Name).Answers == 0 {
		t.Error("nobody answers after the move")
	}
	s.wire.never(t, begin, 1)
}

// ask asks for a verb without a node.
func (s *stand) ask(verb cluster.Verb) {
	s.t.Helper()
	_, err := s.Web()[0].API.SetResource(s.t.Context(), vipName, api.ResourceRequest{Verb: verb})
	s.must(err)
}

// stands waits until the address stands so.
func (s *stand) stands(state cluster.ResourceState) cluster.ResourceView {
	s.t.Helper()
	var r cluster.ResourceView
	s.must(fleet.Await(s.t.Context(), fleet.WellWithin, "the address is "+string(state), func(ctx context.Context) string {
		var err error
		if r, err = s.resource(ctx); err != nil {
			return err.Error()
		}
		if r.State != state {
			return string(r.State) + ": " + r.Reason
		}
		return ""
	}))
	return r
}
