// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

var (
	runs   = flag.Int("runs", 0, "how many random faults TestRandomFaults lets the holder meet")
	seed   = flag.Uint64("seed", 1, "which faults those are")
	timing = flag.String("timing", "lan", "timing profile of their cluster")
	class  = flag.String("class", "gate", "class of the gates there")
)

// fault is something that keeps the holder from doing what it should, while its kernel goes on.
type fault struct {
	name  string
	begin func(s *stand, holder *fleet.Machine) error
	end   func(s *stand, holder *fleet.Machine) error
}

func stopped(name string, supervisor, guard bool) fault {
	var pids []int // that were stopped: a supervisor replaces a guard that is silent
	return fault{
		name: name,
		begin: func(s *stand, m *fleet.Machine) error {
			pids = nil
			if supervisor {
				pids = append(pids, m.Supervisor.HostPID())
			}
			if guard {
				pids = append(pids, s.guards(m)...)
			}
			return signal(syscall.SIGSTOP, pids)
		},
		end: func(*stand, *fleet.Machine) error { return signal(syscall.SIGCONT, pids) },
	}
}

// signal sends a signal to processes. Those that have ended meanwhile are passed over.
func signal(sig syscall.Signal, pids []int) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// partition cuts the holder off from all but one of the clients, so that there is somebody on each side who asks.
func partition(s *stand, m *fleet.Machine) error {
	for _, n := range s.world.Nodes() {
		if n == m.Node || n == s.near {
			continue
		}
		if _, err := s.world.CutPair(m.Node, n); err != nil {
			return err
		}
	}
	return nil
}

func heal(s *stand, _ *fleet.Machine) error { return ignore(s.world.HealAll()) }

// and is two faults at once; what began last ends first.
func (f fault) and(g fault) fault {
	return fault{
		name: f.name + ", " + g.name,
		begin: func(s *stand, m *fleet.Machine) error {
			if err := f.begin(s, m); err != nil {
				return err
			}
			return g.begin(s, m)
		},
		end: func(s *stand, m *fleet.Machine) error {
			if err := g.end(s, m); err != nil {
				return err
			}
			return f.end(s, m)
		},
	}
}

func faults() []fault {
	apart := fault{"cut off with a client", partition, heal}
	stops := []fault{stopped("supervisor stopped", true, false), stopped("guard stopped", false, true), stopped("both stopped", true, true)}
	out := append([]fault{apart}, stops...)
	for _, f := range stops {
		out = append(out, apart.and(f))
	}
	return out
}

// TestNeverTwoHolders lets the holder's processes stand still, with and without a network, longer than any right lasts.
func TestNeverTwoHolders(t *testing.T) {
	for _, class := range []string{"gate", "timed-set", "address"} {
		t.Run(class, func(t *testing.T) {
			s := open(t, options{class: class})
			all := faults()
			if class != "gate" {
				all = all[len(all)-1:] // the hardest
			}
			for _, f := range all {
				if !t.Run(f.name, func(t *testing.T) { s.in(t).suffers(f, rand.New(rand.NewPCG(1, uint64(len(f.name))))) }) {
					t.FailNow()
				}
			}
		})
	}
}

// TestRandomFaults is the same as often as it is told, with more kinds of faults, of any length, which begin and end at any moment.
func TestRandomFaults(t *testing.T) {
	if *runs == 0 {
		return
	}
	rng := rand.New(rand.NewPCG(*seed, 0))
	s := open(t, options{timing: *timing, class: *class})
	all := append(faults(),
		fault{"haproxy dies", func(_ *stand, m *fleet.Machine) error { return m.Kept().Kill(context.Background()) }, start},
		fault{"supervisor killed", func(_ *stand, m *fleet.Machine) error { return m.Supervisor.Signal(syscall.SIGKILL) }, start},
		fault{"guard killed", func(s *stand, m *fleet.Machine) error { return signal(syscall.SIGKILL, s.guards(m)) }, start},
	)
	for i := range *runs {
		f := all[rng.IntN(len(all))]
		if rng.IntN(3) == 0 {
			f = f.and(all[rng.IntN(len(all))])
		}
		if !t.Run(fmt.Sprintf("%d %s", i+1, f.name), func(t *testing.T) { s.in(t).suffers(f, rng) }) {
			t.FailNow()
		}
	}
}

func start(s *stand, m *fleet.Machine) error { return m.Start(s.t.Context()) }

// suffers lets the holder meet a fault for a while, with clients on both sides, and looks that no two nodes spoke as the address.
func (s *stand) suffers(f fault, rng *rand.Rand) {
	t := s.t
	t.Helper()
	holder := s.held("")
	far, near := s.asks(), s.asksFrom(s.near)
	time.Sleep(time.Duration(rng.Int64N(int64(400 * time.Millisecond))))
	begin := time.Now()
	before := s.given()
	s.must(f.begin(s, holder))
	time.Sleep(time.Second + time.Duration(rng.Int64N(int64(4*time.Second))))
	s.must(f.end(s, holder))
	s.must(s.AwaitWell(t.Context()))
	s.held("")
	time.Sleep(200 * time.Millisecond)
	_, _ = far(begin), near(begin)
	moves := s.given() - before
	spans := s.wire.never(t, begin, moves)
	for i := 1; i < len(spans); i++ {
		t.Logf("%s spoke last %s before %s spoke first", spans[i-1].node, spans[i].first.Sub(spans[i-1].last).Round(time.Millisecond), spans[i].node)
	}
}

// given tells how often the cluster gave the address to a node since the start.
func (s *stand) given() int {
	notices, err := s.Web()[0].Notices(s.t.Context())
	s.must(err)
	n := 0
	for _, e := range notices {
		if e.Subject == vipName && e.Kind == cluster.EventGiven && e.From != e.To {
			n++
		}
	}
	return n
}
