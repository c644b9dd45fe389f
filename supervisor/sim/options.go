// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// poolName is the name of the one pool, and of its backend.
const poolName = "web"

// balancerName is the name of the balancer that every balancer machine runs.
const balancerName = "edge"

// Options say what a world is made of. Random draws them from a seed; a scenario writes them down.
type Options struct {
	Seed      uint64
	Times     core.Times
	Rails     int
	Web       int // nodes with an application
	Balancers int // nodes with a balancer
	Witnesses int // nodes that only vote
	Plain     int // machines with an application and without Evenkeel
	Resources int // virtual addresses that nodes hold

	Failback  string        // of the resources
	Tied      bool          // the first resource is held only where a balancer is in step
	Weak      bool          // kernels differ in what keeps their deadlines
	Floor     int           // drain floor; 0 = the default
	Deadline  time.Duration // of drains
	SlowStart time.Duration
	StateFile bool // balancers have one
	Flap      bool // checks that flap are held down, as by default
	Codec     bool // frames are sealed, encoded and decoded as on a real network
	Snapshots uint64

	Sync      time.Duration // shortest time of a write; the longest is twice that
	ClockPPM  int64         // clocks are fast or slow by up to that many millionths
	Kinds     []Kind        // faults that exist in this world
	Every     time.Duration // between two faults, on average
	MaxFaults int           // no more than these; negative = no limit

	Chaos   time.Duration // how long faults happen
	Settle  time.Duration // how long the cluster has to become right afterwards
	Quiet   time.Duration // how long nothing must happen then
	Life    time.Duration // how long the world lives at least; what is left of it is quiet
	Verbose bool          // keep the trace as text
}

// Profile is one of the times to draw from, by weight.
type Profile struct {
	Times  core.Times
	Weight int
}

// Lane is what worlds are about.
type Lane string

// The lanes.
const (
	// Everything is all that a cluster does, with three to seven nodes.
	Everything Lane = "all"
	// Addresses is who holds addresses: three or four nodes, which always have some, more faults, and a shorter life. It is for
	// many worlds.
	Addresses Lane = "addresses"
	// Instants is the same with the worst instants: holders are lost in the middle of what their guards do, clocks go as wrong as
	// they may, and who has to wait for a holder is started again meanwhile. It is for rules that chance hardly ever needs.
	Instants Lane = "instants"
)

// Lanes returns all lanes.
func Lanes() []Lane { return []Lane{Everything, Addresses, Instants} }

// driftMost is by how many millionths clocks go wrong at most: so much may a time daemon slew them (the default of maxslewrate,
// chrony.conf(5)).
const driftMost = 83_333

// Random draws a world from a seed: its size, its timing, and which faults exist in it.
func (l Lane) Random(seed uint64, profiles []Profile) Options {
	o := random(seed, profiles)
	if l == Everything {
		return o
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	o.Web, o.Balancers, o.Plain = 1+rng.IntN(2), 1+rng.IntN(2), 0
	for o.nodes() < leastVoters {
		o.Web++
	}
	for o.nodes() > leastVoters+1 {
		o.Balancers--
	}
	o.Floor = min(o.Floor, o.Web)
	o.Resources, o.Every, o.Chaos, o.Life = 1+rng.IntN(2), time.Duration(1+rng.IntN(15))*time.Second, 200*time.Second, 0
	if l == Instants {
		o.Kinds, o.Every, o.ClockPPM, o.Weak = []Kind{Attack}, 3*time.Second, driftMost, rng.IntN(3) > 0
	}
	return o
}

func random(seed uint64, profiles []Profile) Options {
	rng := rand.New(rand.NewPCG(seed, 1))
	o := Options{
		Seed: seed, Times: draw(rng, profiles), Rails: 1 + rng.IntN(2), Web: 1 + rng.IntN(4), Balancers: 1 + rng.IntN(3),
		StateFile: rng.IntN(4) > 0, Flap: rng.IntN(4) == 0, Codec: rng.IntN(20) == 0, Snapshots: uint64(8 + rng.IntN(200)),
		Sync:  []time.Duration{200 * time.Microsecond, 2 * time.Millisecond, 10 * time.Millisecond}[rng.IntN(3)],
		Every: time.Duration(1+rng.IntN(30)) * time.Second, MaxFaults: -1,
		Chaos: 400 * time.Second, Settle: 90 * time.Second, Quiet: 60 * time.Second, Life: 10 * time.Minute,
	}
	switch rng.IntN(4) {
	case 0:
		o.Witnesses = 1
	case 1:
		o.Plain = 1 + rng.IntN(2)
	}
	for o.nodes() < 3 {
		o.Web++
	}
	for o.nodes() > 7 {
		o.Web--
	}
	if rng.IntN(2) == 0 {
		o.ClockPPM = int64(rng.IntN(50_000))
	}
	if rng.IntN(3) == 0 {
		o.SlowStart = time.Duration(1+rng.IntN(10)) * time.Second
	}
	if rng.IntN(2) == 0 {
		o.Deadline = time.Duration(1+rng.IntN(10)) * time.Second
	}
	if rng.IntN(2) == 0 {
		o.Floor = 1 + rng.IntN(o.Web)
	}
	for k := range Attack {
		if rng.IntN(2) == 0 {
			o.Kinds = append(o.Kinds, k)
		}
	}
	o.Resources, o.Failback = []int{0, 0, 1, 2}[rng.IntN(4)], []string{"", "", cluster.FailbackImmediately, "after 10s"}[rng.IntN(4)]
	o.Tied, o.Weak = rng.IntN(2) == 0, rng.IntN(2) == 0
	return o
}

func draw(rng *rand.Rand, profiles []Profile) core.Times {
	sum := 0
	for _, p := range profiles {
		sum += p.Weight
	}
	n := rng.IntN(sum)
	for _, p := range profiles {
		if n -= p.Weight; n < 0 {
			return p.Times
		}
	}
	return profiles[0].Times
}

func (o Options) nodes() int { return o.Web + o.Balancers + o.Witnesses }

// String names the world in a line.
func (o Options) String() string {
	return fmt.Sprintf("seed %d: %s, %d web, %d balancers, %d witnesses, %d agentless, %d addresses, %d rails, clocks ±%.1f %%, a fault every %s of %v",
		o.Seed, o.Times.Profile, o.Web, o.Balancers, o.Witnesses, o.Plain, o.Resources, o.Rails, float64(o.ClockPPM)/10_000, o.Every, o.Kinds)
}

func (o Options) judge() health.JudgeParams {
	p := health.JudgeParams{Rise: 2, Fall: 3}
	if o.Flap {
		p.MaxFlips, p.FlipWindow, p.HoldDown = 6, time.Minute, time.Minute
	}
	return p
}

// spec is the cluster file of the world.
func (o Options) spec() cluster.Spec {
	s := cluster.Spec{Cluster: "sim"}
	add := func(kind, role string, n int, witness bool) {
		for i := range n {
			s.Nodes = append(s.Nodes, cluster.NodeSpec{
				Name: cluster.NodeID(fmt.Sprintf("%s%d", kind, i+1)), Address: fmt.Sprintf("10.0.0.%d", len(s.Nodes)+1),
				Labels: map[string]string{"role": role}, Witness: witness,
			})
		}
	}
	add("web", "web", o.Web, false)
	add("lb", "lb", o.Balancers, false)
	add("wit", "witness", o.Witnesses, true)
	if o.Balancers > 0 {
		b := cluster.BalancerSpec{Name: balancerName, Socket: "/run/haproxy.sock"}
		for i := range o.Balancers {
			b.Nodes = append(b.Nodes, cluster.NodeID(fmt.Sprintf("lb%d", i+1)))
		}
		s.Balancers = []cluster.BalancerSpec{b}
	}
	for i := range o.Resources {
		r := cluster.ResourceSpec{
			Name: fmt.Sprintf("vip%d", i+1), Failback: o.Failback,
			VIP: &cluster.VIPSpec{Addresses: []string{fmt.Sprintf("10.0.2.%d/24", i+1)}, Interface: "eth0"},
		}
		if i > 0 {
			r.VIP.Addresses = append(r.VIP.Addresses, fmt.Sprintf("2001:db8::%d/64", i+1))
		}
		if i == 0 {
			r.Prefer = []cluster.NodeID{s.Nodes[len(s.Nodes)-1-o.Witnesses].Name}
		}
		if i == 0 && o.Tied && o.Balancers > 0 {
			r.Balancer = balancerName
		}
		s.Resources = append(s.Resources, r)
	}
	if o.Web+o.Plain == 0 {
		return s
	}
	p := cluster.PoolSpec{
		Name: poolName, SlowStart: cluster.Duration(o.SlowStart), Drain: cluster.DrainSpec{Deadline: cluster.Duration(o.Deadline)},
	}
	if o.Web > 0 {
		p.Members = []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}}
	}
	if o.Floor > 0 {
		p.Drain.Floor = &o.Floor
	}
	for i := range o.Plain {
		p.Members = append(p.Members, cluster.MemberSpec{Name: fmt.Sprintf("app%d", i+1), Address: fmt.Sprintf("10.0.1.%d", i+1), Port: 80})
	}
	s.Pools = []cluster.PoolSpec{p}
	return s
}
