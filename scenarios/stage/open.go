// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/orders"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// clientName is the node from which the requests come.
	clientName = "client"
	// sampleEvery is the time between two samples of each HAProxy.
	sampleEvery = 20 * time.Millisecond
	// addressAnswers bounds a request to an address that may be nobody's.
	addressAnswers = time.Second
	// logLines is how much of each log is told when a stage cannot be opened.
	logLines = 20
)

// Open builds the cluster, starts everything, and returns when all is well and the client is answered by every member; the
// script begins then. What was made is removed again after an error, which is a [*StartError] if anything had been started.
// Settings of Evenkeel are removed from the environment of this process.
func Open(ctx context.Context, opts Options) (*Stage, error) {
	if err := possible(os.Geteuid()); err != nil {
		return nil, err
	}
	opts, err := opts.checked()
	if err != nil {
		return nil, err
	}
	if err := dropEnvironment(); err != nil {
		return nil, err
	}
	s := &Stage{opts: opts, journal: newJournal(), watches: map[string]*haproxy.Watch{}, wires: map[string]*wire{}, pauses: newPauses()}
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(explained(err), s.Close())
	}
	if err := s.begin(ctx); err != nil {
		failure := &StartError{Cause: err, Logs: s.Evidence(logLines)}
		return nil, errors.Join(failure, s.Close())
	}
	return s, nil
}

// build makes the machines.
func (s *Stage) build(ctx context.Context) error {
	s.opts.Progress("building the machines")
	if err := os.Mkdir(s.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("stage: folder: %w", err)
	}
	s.made = true
	var err error
	s.world, err = lab.New(ctx, lab.Options{
		Name: s.opts.Name, Dir: filepath.Join(s.opts.Dir, "lab"), Keep: s.opts.Keep, Rails: s.opts.Cluster.Rails,
	})
	if err != nil {
		return err
	}
	if s.fleet, err = fleet.New(ctx, s.world, s.opts.fleet()); err != nil {
		return err
	}
	for i, r := range s.opts.Cluster.Resources {
		s.wires[r.Name] = &wire{address: netip.MustParsePrefix(addressOf(i)), strays: map[string]bool{}}
	}
	for _, m := range s.fleet.Nodes() {
		if err := s.tapAll(m); err != nil {
			return err
		}
	}
	s.client, err = s.world.AddNode(ctx, clientName)
	return err
}

// begin starts everything, waits until all is well, and begins the script.
func (s *Stage) begin(ctx context.Context) error {
	s.opts.Progress("starting the machines")
	if err := s.fleet.Start(ctx); err != nil {
		return err
	}
	for _, m := range s.fleet.Nodes() {
		s.work.Go(func() { s.journal.follow(s.ended, m) })
	}
	for _, m := range s.fleet.Balancers() {
		watch := haproxy.New(haproxy.Options{Socket: m.Kept().Socket(), Backend: script.Pool, Interval: sampleEvery, Polls: 1})
		s.watches[m.Name] = watch
		s.work.Go(func() { _ = watch.Run(s.ended) }) // it has no other end than ours
	}
	s.opts.Progress("waiting until all is well")
	if err := s.fleet.AwaitWell(ctx); err != nil {
		return err
	}
	if err := s.awaitHeld(ctx); err != nil {
		return err
	}
	if err := s.beginLoad(ctx); err != nil {
		return err
	}
	for _, m := range s.fleet.Balancers() {
		arming, cancel := context.WithTimeout(ctx, fleet.WellWithin)
		err := s.watches[m.Name].Arm(arming)
		cancel()
		if err != nil {
			return err
		}
	}
	if s.load != nil {
		s.lostBefore = s.load.Counters().Failed
	}
	s.start = time.Now()
	return nil
}

// awaitHeld returns when every resource is where the script is to find it, and the stage has heard that it was given.
func (s *Stage) awaitHeld(ctx context.Context) error {
	return fleet.Await(ctx, fleet.WellWithin, "every resource is held", func(ctx context.Context) string {
		for _, r := range s.opts.Cluster.Resources {
			if missing := s.notHeld(ctx, r); missing != "" {
				return missing
			}
		}
		return ""
	})
}

// notHeld tells what is missing until a resource is where the script is to find it. One that is elsewhere is moved.
func (s *Stage) notHeld(ctx context.Context, r script.Resource) string {
	begins := s.opts.Cluster.Begins(r)
	there, seen, err := s.Look(ctx, script.Cond{Kind: script.ResourceOn, Target: r.Name, On: begins})
	if err == nil && there {
		_, _, err = s.Look(ctx, script.Cond{Kind: script.ResourceTwice, Target: r.Name})
	}
	if err != nil {
		return err.Error()
	}
	if elsewhere, _, err := s.Look(ctx, script.Cond{Kind: script.ResourceIs, Target: r.Name, State: string(cluster.ResourceHeld)}); !there && elsewhere && err == nil {
		// One that is on its way there by now is refused to be moved, and looked at again.
		err := place(ctx, s.fleet.Nodes()[0], script.Order{Verb: script.Move, Target: r.Name, Node: begins})
		if _, refused := errors.AsType[*api.Error](err); err != nil && !refused {
			return err.Error()
		}
	}
	if !there {
		return seen
	}
	return ""
}

// beginLoad starts the client, and waits until every member has answered it.
func (s *Stage) beginLoad(ctx context.Context) error {
	c := s.opts.Cluster
	members := len(c.Members())
	if c.Clients == 0 || c.Balancers == 0 || members == 0 && c.ClientsTo == "" {
		return nil
	}
	opts := load.Options{
		Targets: s.fleet.Targets(fleet.Kept().Name), Rate: c.Clients * c.Balancers, Dial: s.client.Dialer(), NewConnections: true,
	}
	if w := s.wires[c.ClientsTo]; w != nil {
		opts.Targets, opts.Rate, opts.Timeout = []string{fmt.Sprintf("http://%s:%d/", w.address.Addr(), fleet.KeptPort)}, c.Clients, addressAnswers
		members = max(members, 1) // the balancer itself answers where there is none
	}
	client, err := load.New(opts)
	if err != nil {
		return err
	}
	s.load = client
	s.work.Go(func() { _, _ = client.Run(s.ended) }) // it fails only when it runs twice
	return fleet.Await(ctx, fleet.WellWithin, "every member answers the client", func(context.Context) string {
		if n := len(client.Counters().Servers); n < members {
			return fmt.Sprintf("%d of %d do", n, members)
		}
		return ""
	})
}

// addressOf returns the address of a resource, on the service network and beyond those of the machines.
func addressOf(i int) string { return fmt.Sprintf("10.77.0.%d/24", 200+i) }

// specOf changes the cluster file to what the script says of the pool and of resources.
func specOf(c script.Cluster) func(*cluster.Spec) {
	return func(spec *cluster.Spec) {
		for i := range spec.Pools {
			p := &spec.Pools[i]
			if c.Floor > 0 {
				p.Drain.Floor = &c.Floor
			}
			p.Drain.Deadline = cluster.Duration(c.Deadline)
			p.SlowStart = cluster.Duration(c.SlowStart)
		}
		spec.Resources = orders.Resources(c, orders.Ground{Balancer: fleet.Together, Interface: lab.InterfaceName(0), Address: addressOf})
	}
}
