// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
)

// clusterName is the name of the demo's cluster.
const clusterName = "demo"

// clientName is the node from which the load comes. Evenkeel does not run there.
const clientName = "client"

// rate is the number of requests per second to each kind of balancer.
const rate = 500

// stage is the cluster with everything that watches it.
type stage struct {
	opts     Options
	version  string // of HAProxy
	world    lab.World
	loopback string // why there are no namespaces; empty if there are
	fleet    *fleet.Fleet
	client   *lab.Node
	story    *narrator
	journal  *journal
	watches  map[kind][]*haproxy.Watch
	loads    map[kind]*load.Client

	work  sync.WaitGroup // all goroutines of the stage
	ended context.Context
	end   context.CancelFunc
	// endLoad ends the requests; what is in flight still gets its answer.
	endLoad context.CancelFunc
}

// kind tells the two HAProxies of a balancer node apart. It is the name of their files.
type kind string

const (
	kept kind = "kept" // by Evenkeel
	peer kind = "peer" // by nobody
)

// peerPort is where the HAProxies answer that Evenkeel does not touch.
const peerPort = 8001

// options say how an HAProxy is configured: as Evenkeel recommends, or as HAProxy comes, with its own checks and their
// defaults (every 2 s, DOWN after 3 failures) and the time limits of Debian's haproxy.cfg.
func (k kind) options() fleet.ProxyOptions {
	if k == peer {
		return fleet.ProxyOptions{Name: string(peer), Port: peerPort, Level: "user", Connect: 5 * time.Second, Server: "check"}
	}
	opts := fleet.Kept()
	opts.Name = string(kept)
	return opts
}

// kinds returns the kinds of balancers that there are.
func (s *stage) kinds() []kind {
	if s.opts.NoPeer {
		return []kind{kept}
	}
	return []kind{kept, peer}
}

// newStage builds the cluster and starts everything in it. The stage must be closed also after an error.
func newStage(ctx context.Context, opts Options, story *narrator) (*stage, error) {
	s := &stage{
		opts: opts, story: story, journal: newJournal(), watches: map[kind][]*haproxy.Watch{}, loads: map[kind]*load.Client{},
	}
	s.endLoad = func() {}
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.openWorld(ctx); err != nil {
		return s, refused(err)
	}
	if err := s.addMachines(ctx); err != nil {
		return s, err
	}
	var err error
	s.version, err = haproxyVersion(ctx, s.client)
	return s, err
}

// openWorld makes a lab of namespaces where that is allowed, and one of loopback addresses elsewhere.
func (s *stage) openWorld(ctx context.Context) error {
	// Each would go before the node files: they are meant for the operator's own node, not for those of the demo.
	if err := dropEnvironment(); err != nil {
		return err
	}
	opts := lab.Options{Name: s.opts.Name, Dir: s.opts.Dir}
	s.loopback = "it needs root"
	if os.Geteuid() == 0 {
		world, err := lab.New(ctx, opts)
		if err == nil {
			s.world, s.loopback = world, ""
			return nil
		}
		if !errors.Is(err, syscall.EPERM) {
			return err
		}
		s.loopback = "root may not make network namespaces here"
	}
	world, err := lab.NewLoopback(ctx, opts)
	if err != nil {
		return err
	}
	s.world = world
	return nil
}

// addMachines adds the cluster and the client to the world.
func (s *stage) addMachines(ctx context.Context) error {
	opts := fleet.Options{Cluster: clusterName, Web: 3, Balancers: 2, Timing: s.opts.Timing}
	for _, k := range s.kinds() {
		opts.Proxies = append(opts.Proxies, k.options())
	}
	var err error
	if s.fleet, err = fleet.New(ctx, s.world, opts); err != nil {
		return err
	}
	s.client, err = s.world.AddNode(ctx, clientName)
	return err
}

// lookEvery is how often the HAProxies of each kind are asked during an act. What a look costs would slow down what is
// measured, so those that take seconds are asked less often; their figures err upwards by no more than this.
var lookEvery = map[kind]time.Duration{kept: time.Millisecond, peer: 10 * time.Millisecond} //nolint:gochecknoglobals // a table

// start starts the applications, the HAProxies and the nodes, and whatever watches them.
func (s *stage) start(ctx context.Context) error {
	if err := s.fleet.Start(ctx); err != nil {
		return err
	}
	for _, m := range s.fleet.Machines() {
		s.work.Go(func() { s.journal.follow(s.ended, m) })
		for _, p := range m.Proxies {
			k := kind(p.Options.Name)
			watch := haproxy.New(haproxy.Options{Socket: p.Socket(), Backend: fleet.PoolName, Interval: lookEvery[k]})
			s.watches[k] = append(s.watches[k], watch)
			s.work.Go(func() { _ = watch.Run(s.ended) }) // it has no other end than ours
		}
	}
	return nil
}

// startLoad starts the clients, one for each kind of balancer.
func (s *stage) startLoad() error {
	sending, stop := context.WithCancel(s.ended)
	s.endLoad = stop
	for _, k := range s.kinds() {
		c, err := load.New(load.Options{Targets: s.fleet.Targets(string(k)), Rate: rate, Dial: s.client.Dialer(), NewConnections: true})
		if err != nil {
			return err
		}
		s.loads[k] = c
		s.work.Go(func() { _, _ = c.Run(sending) }) // it fails only when it runs twice
	}
	return nil
}

// close stops everything and removes all that was made. It may be called for a stage that was never finished.
func (s *stage) close() error {
	s.end()
	if s.fleet != nil {
		s.fleet.Close()
	}
	var err error
	if s.world != nil {
		err = s.world.Close() // first: what is in flight ends with its node
	}
	s.work.Wait()
	return err
}
