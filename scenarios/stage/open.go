// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// clientName is the node from which the requests come.
	clientName = "client"
	// sampleEvery is the time between two samples of each HAProxy.
	sampleEvery = 20 * time.Millisecond
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
	s := &Stage{opts: opts, journal: newJournal(), watches: map[string]*haproxy.Watch{}, pauses: newPauses()}
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

// beginLoad starts the client, and waits until every member has answered it.
func (s *Stage) beginLoad(ctx context.Context) error {
	c := s.opts.Cluster
	members := len(c.Members())
	if c.Clients == 0 || c.Balancers == 0 || members == 0 {
		return nil
	}
	client, err := load.New(load.Options{
		Targets: s.fleet.Targets(fleet.Kept().Name), Rate: c.Clients * c.Balancers, Dial: s.client.Dialer(), NewConnections: true,
	})
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

// specOf changes the cluster file to what the script says of the pool.
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
	}
}
