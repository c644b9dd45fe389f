// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"reflect"
	"sync"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// Open makes the driver of a balancer.
type Open func(b cluster.BalancerSpec) (lbsync.Driver, error)

// Set keeps all balancers of this node.
type Set struct {
	open Open
	log  zerolog.Logger

	mu     sync.Mutex
	duties []converge.Duty
	news   chan struct{} // holds one: the duties changed
}

// NewSet returns a set that has no duty yet.
func NewSet(open Open, log zerolog.Logger) *Set {
	return &Set{open: open, log: log, news: make(chan struct{}, 1)}
}

// Do replaces the duties. It does not block; only the newest count.
func (s *Set) Do(duties []converge.Duty) {
	s.mu.Lock()
	s.duties = duties
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *Set) latest() []converge.Duty {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duties
}

// running is a keeper with the means to end it.
type running struct {
	*keeper
	stop context.CancelFunc
}

// Run works until ctx ends, and reports how each balancer stands. When a
// balancer's own settings change, its keeper begins anew.
func (s *Set) Run(ctx context.Context, report func(converge.Report)) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	keepers := map[string]running{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.news:
		}
		named := map[string]bool{}
		for _, d := range s.latest() {
			named[d.Balancer.Name] = true
			k, ok := keepers[d.Balancer.Name]
			if ok && !reflect.DeepEqual(k.spec, d.Balancer) {
				k.stop()
				ok = false
			}
			if !ok {
				kctx, stop := context.WithCancel(ctx)
				k = running{newKeeper(d.Balancer, report, s.log), stop}
				keepers[d.Balancer.Name] = k
				wg.Go(func() { k.run(kctx, s.open) })
			}
			k.do(d)
		}
		for name, k := range keepers {
			if !named[name] {
				k.stop()
				delete(keepers, name)
			}
		}
	}
}
