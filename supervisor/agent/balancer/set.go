// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"reflect"
	"sync"
	"time"

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
	end    time.Time     // from when on nothing may be changed
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

// Until replaces the moment from which on nothing may be changed, whatever the
// duties say. Before the first call that is always.
func (s *Set) Until(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = t
}

func (s *Set) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

func (s *Set) latest() []converge.Duty {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duties
}

// running is a keeper with the means to end it.
type running struct {
	*keeper
	stop  context.CancelFunc
	done  chan struct{} // closed when it has ended
	letGo bool          // it was told to end
}

// ended tells whether the keeper has ended.
func (r running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
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
			if !ok || k.letGo || !reflect.DeepEqual(k.spec, d.Balancer) {
				k = s.start(ctx, &wg, k, s.newKeeper(d.Balancer, report))
				keepers[d.Balancer.Name] = k
			}
			k.do(d)
		}
		for name, k := range keepers {
			switch {
			case named[name]:
			case k.ended():
				delete(keepers, name)
			default:
				k.stop()
				k.letGo = true
				keepers[name] = k
			}
		}
	}
}

// start begins a keeper as soon as the one that it replaces, if any, has ended:
// two must never work on one balancer.
func (s *Set) start(ctx context.Context, wg *sync.WaitGroup, former running, k *keeper) running {
	ctx, stop := context.WithCancel(ctx)
	r := running{keeper: k, stop: stop, done: make(chan struct{})}
	if former.keeper != nil {
		former.stop()
	}
	wg.Go(func() {
		defer close(r.done)
		if former.keeper != nil {
			<-former.done
		}
		k.run(ctx, s.open)
	})
	return r
}
