// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// rig is a stand with something on it that moves the address.
type rig struct {
	*stand
	settle func()        // returns when all is as before the first blow, but for who holds the address
	watch  time.Duration // for how long a blow is watched: longer than the slowest takeover
}

// BenchmarkTakeover lets the holder meet the same again and again, and prints for how long a client that connects every 5 ms got no
// good answer: the median, the longest, and for how long two nodes spoke as the address. Run it with -benchtime 10x on a machine that
// does nothing else. keepalived is measured where it is installed: default is its default (one advertisement a second), and tuned
// is VRRP 3 with ten a second.
func BenchmarkTakeover(b *testing.B) {
	for _, timing := range []string{"lan", "fast"} {
		b.Run("evenkeel-"+timing, func(b *testing.B) {
			r := ours(b, timing)
			for _, blow := range apart(blows()) {
				b.Run(blow.name, func(b *testing.B) { r.measure(b, blow) })
			}
		})
	}
	if _, err := exec.LookPath("keepalived"); err != nil {
		b.Log("keepalived is not installed, so it is not compared with")
		return
	}
	for _, peer := range []keepalived{{"default", 2, 1, 1}, {"tuned", 3, 0.1, 1}} {
		b.Run("keepalived-"+peer.name, func(b *testing.B) {
			r := peer.rig(b)
			for _, blow := range apart(peer.blows()) {
				b.Run(blow.name, func(b *testing.B) { r.measure(b, blow) })
			}
		})
	}
}

func ours(b *testing.B, timing string) *rig {
	b.Helper()
	s := open(b, options{timing: timing})
	return &rig{stand: s, watch: 2500 * time.Millisecond, settle: func() {
		s.must(s.AwaitWell(b.Context()))
		s.held("")
		time.Sleep(holiday) // else it is measured what a second failure costs right after the first
	}}
}

// apart leaves a client on the side of a holder that is cut off: what still answers there is seen.
func apart(all []blow) []blow {
	all[0].strike = func(s *stand, m *fleet.Machine) (time.Time, error) { return time.Now(), partition(s, m) }
	all[0].mend = heal
	return all
}

// holiday is for how long a node that was cut off does not vote against others.
const holiday = 3 * time.Second

// measure is one blow, b.N times.
func (r *rig) measure(b *testing.B, blow blow) {
	b.Helper()
	s := r.in(b)
	var gaps []time.Duration
	failed, two := 0, time.Duration(0)
	for range b.N {
		r.settle()
		report, near := s.asks(), s.asksFrom(s.near)
		time.Sleep(500*time.Millisecond + rand.N(time.Second)) // at no moment of its own clock
		holder := s.Machine(s.wire.holder())
		begin := time.Now()
		_, err := blow.strike(s, holder)
		s.must(err)
		time.Sleep(r.watch)
		said, _ := report(begin), near(begin)
		gaps = append(gaps, said.Gap())
		failed += said.Failed
		two += s.wire.both(begin)
		s.must(blow.mend(s, holder))
	}
	slices.Sort(gaps)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(gaps[len(gaps)/2]), "ms-median")
	b.ReportMetric(ms(gaps[len(gaps)-1]), "ms-longest")
	b.ReportMetric(float64(failed)/float64(b.N), "failed")
	b.ReportMetric(ms(two)/float64(b.N), "ms-two-holders")
}

// keepalived is the program that this one takes the place of, as a site would configure it for the same pair.
type keepalived struct {
	name    string
	version int     // of VRRP
	advert  float64 // seconds between advertisements
	look    int     // seconds between looks at HAProxy; one is the least
}

func (k keepalived) rig(b *testing.B) *rig {
	b.Helper()
	s := build(b, options{})
	for _, m := range s.Balancers() {
		s.must(m.Kept().Start(b.Context()))
		s.must(k.start(s, m))
	}
	settled := func() {
		for range 5 {
			report := s.asks()
			time.Sleep(1500 * time.Millisecond)
			if r := report(time.Now().Add(-time.Second)); r.Failed == 0 && r.OK > 0 {
				return
			}
		}
	}
	return &rig{stand: s, watch: 5 * time.Second, settle: settled}
}

func (k keepalived) file(s *stand, m *fleet.Machine) string {
	priority := 100 + s.Balancers()[0].Node.Index() - m.Node.Index()
	return fmt.Sprintf(`global_defs {
  router_id %[1]s
  vrrp_version %[2]d
  lookuser root
  enable_looksecurity
}
vrrp_script haproxy {
  script "/usr/bin/pgrep -x haproxy"
  interval %[3]d
}
vrrp_instance vip {
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id 51
  priority %[4]d
  advert_int %[5]g
  virtual_ipaddress { %[6]s }
  track_script { haproxy }
}
`, m.Name, k.version, k.look, priority, k.advert, vip)
}

func (k keepalived) start(s *stand, m *fleet.Machine) error {
	file := m.Path("keepalived.conf")
	if err := os.WriteFile(file, []byte(k.file(s, m)), 0o600); err != nil {
		return err
	}
	_, err := m.Node.Start(context.Background(), lab.Cmd{
		Name: "keepalived", LogName: "keepalived.log",
		Args: []string{"-n", "-l", "-D", "-f", file, "-p", "/run/keepalived.pid", "-r", "/run/vrrp.pid", "-c", "/run/checkers.pid"},
	})
	return err
}

// send sends a signal to all processes of keepalived on a machine, at once.
func (k keepalived) send(s *stand, m *fleet.Machine, signal string) error {
	_, err := m.Node.Run(s.t.Context(), "pkill", "-"+signal, "-x", "keepalived")
	return err
}

func (k keepalived) blows() []blow {
	out := blows()[:3]
	out[1].mend = func(s *stand, m *fleet.Machine) error {
		if _, err := s.world.PowerOn(s.t.Context(), m.Node); err != nil {
			return err
		}
		if err := s.wire.tap(context.WithoutCancel(s.t.Context()), s.world, m); err != nil {
			return err
		}
		if err := m.Kept().Start(s.t.Context()); err != nil {
			return err
		}
		return k.start(s, m)
	}
	out[2].mend = func(s *stand, m *fleet.Machine) error { return m.Kept().Start(s.t.Context()) }
	again := func(s *stand, m *fleet.Machine) error { return k.start(s, m) }
	return append(out,
		blow{
			name:   "planned move",
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) { return time.Now(), k.send(s, m, "TERM") },
			mend:   again,
		},
		blow{
			name: "supervisor killed",
			strike: func(s *stand, m *fleet.Machine) (time.Time, error) {
				if err := k.send(s, m, "STOP"); err != nil {
					return time.Time{}, err
				}
				return time.Now(), k.send(s, m, "KILL")
			},
			mend: func(s *stand, m *fleet.Machine) error {
				_, err := m.Node.Run(s.t.Context(), "ip", "addr", "del", vip.String(), "dev", "eth0") // nobody else does
				if err != nil {
					return err
				}
				return again(s, m)
			},
		})
}
