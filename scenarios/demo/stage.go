// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
)

// self is the running binary, whatever became of its file.
const self = "/proc/self/exe"

// rate is the number of requests per second to each kind of balancer.
const rate = 500

// stage is the cluster with everything that watches it.
type stage struct {
	opts     Options
	version  string // of HAProxy
	world    lab.World
	loopback string // why there are no namespaces; empty if there are
	machines []*machine
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
	if s.version, err = haproxyVersion(ctx, s.client); err != nil {
		return s, err
	}
	return s, s.writeShared()
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

func (s *stage) addMachines(ctx context.Context) error {
	for _, name := range []string{"web1", "web2", "web3", "lb1", "lb2"} {
		node, err := s.world.AddNode(ctx, name)
		if err != nil {
			return err
		}
		m := &machine{name: name, role: roleWeb, node: node, daemons: map[string]*lab.Proc{}}
		if name[:2] == roleBalancer {
			m.role = roleBalancer
		}
		m.api = api.Dial(m.path("api.sock"))
		s.machines = append(s.machines, m)
	}
	var err error
	s.client, err = s.world.AddNode(ctx, clientName)
	return err
}

// start starts the applications, the HAProxies and the nodes, and whatever watches them.
func (s *stage) start(ctx context.Context) error {
	for _, m := range s.machines {
		if err := s.startMachine(ctx, m); err != nil {
			return err
		}
	}
	for _, m := range s.machines {
		s.work.Go(func() { s.journal.follow(s.ended, m) })
		for _, k := range s.kinds() {
			if m.role == roleBalancer {
				watch := haproxy.New(haproxy.Options{Socket: m.socket(k), Backend: poolName})
				s.watches[k] = append(s.watches[k], watch)
				s.work.Go(func() { _ = watch.Run(s.ended) }) // it has no other end than ours
			}
		}
	}
	return nil
}

func (s *stage) startMachine(ctx context.Context, m *machine) error {
	if m.role == roleWeb {
		if err := m.startApp(ctx); err != nil {
			return err
		}
	} else {
		for _, k := range s.kinds() {
			config := s.keptConfig(m)
			if k == peer {
				config = s.peerConfig(m)
			}
			if err := m.startHAProxy(ctx, k, config); err != nil {
				return err
			}
		}
	}
	if err := writeFiles(map[string]string{m.path("node.yaml"): s.nodeFile(m)}); err != nil {
		return err
	}
	return m.startSupervisor(ctx)
}

// startLoad starts the clients, one for each kind of balancer.
func (s *stage) startLoad() error {
	sending, stop := context.WithCancel(s.ended)
	s.endLoad = stop
	ports := map[kind]int{kept: keptPort, peer: peerPort}
	for _, k := range s.kinds() {
		var targets []string
		for _, m := range s.machines {
			if m.role == roleBalancer {
				targets = append(targets, fmt.Sprintf("http://%s:%d/", m.node.IP(0), ports[k]))
			}
		}
		c, err := load.New(load.Options{Targets: targets, Rate: rate, Dial: s.client.Dialer(), NewConnections: true})
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
	for _, m := range s.machines {
		m.api.Close()
	}
	var err error
	if s.world != nil {
		err = s.world.Close() // first: what is in flight ends with its node
	}
	s.work.Wait()
	return err
}

// machine returns the machine of that name.
func (s *stage) machine(name string) *machine {
	for _, m := range s.machines {
		if m.name == name {
			return m
		}
	}
	return nil
}

// balancers returns the machines that balance.
func (s *stage) balancers() []*machine { return s.machines[3:] }
