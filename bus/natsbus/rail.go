// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// Bounds of one rail.
const (
	retryMin   = 250 * time.Millisecond // wait after the first failure
	retryMax   = 5 * time.Second        // longest wait, after doubling
	retryReset = 10 * time.Second       // a rail that was up for this long starts again with retryMin
	maxPeers   = 256                    // nodes remembered as heard; the one silent for longest is forgotten first
)

// rail is this node's end of one rail. Its goroutine in run owns the server; what others read is atomic or under mu.
type rail struct {
	bus    *Bus
	index  int
	name   string
	listen endpoint
	seeds  []string
	log    zerolog.Logger

	generation uint64               // servers started so far; owned by run
	link       atomic.Pointer[link] // nil while the rail is down

	refused, dropped, twins atomic.Uint64

	mu      sync.Mutex
	address string
	err     string
	since   time.Time
	peers   map[string]time.Time
}

func newRail(b *Bus, index int, conf Rail) (*rail, error) {
	listen, err := parseEndpoint(conf.Listen)
	if err != nil {
		return nil, err
	}
	for _, seed := range conf.Seeds {
		if _, err := parseEndpoint(seed); err != nil {
			return nil, fmt.Errorf("seed: %w", err)
		}
	}
	return &rail{
		bus: b, index: index, name: conf.Name, listen: listen, address: conf.Listen,
		seeds: slices.DeleteFunc(slices.Clone(conf.Seeds), func(s string) bool { return s == conf.Listen }),
		log:   b.log.With().Str("rail", conf.Name).Logger(),
		err:   "not started", since: time.Now(), peers: make(map[string]time.Time),
	}, nil
}

// run keeps the rail up until ctx ends. It returns an error only when a server did not stop.
func (r *rail) run(ctx context.Context) error {
	wait := retryMin
	for {
		began := time.Now()
		err := r.serve(ctx)
		if ctx.Err() != nil {
			r.setDown("stopped")
			if errors.Is(err, errServerStuck) {
				return err
			}
			return nil
		}
		if time.Since(began) >= retryReset {
			wait = retryMin
		}
		if r.setDown(err.Error()) {
			r.log.Warn().Err(err).Dur("retry_ms", wait).Msg("rail down")
		}
		retry := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-retry.C:
		}
		retry.Stop()
		wait = min(2*wait, retryMax)
	}
}

// serve brings the rail up and returns when it died, with the reason, or when ctx ended.
func (r *rail) serve(ctx context.Context) error {
	r.generation++
	l, err := openLink(ctx, r)
	if err != nil {
		return err
	}
	r.setUp(l.srv.ClusterAddr().String())
	r.log.Info().Str("listen", l.srv.ClusterAddr().String()).Msg("rail up")
	var wg sync.WaitGroup
	wg.Go(l.pump)
	wg.Go(l.receive)
	r.link.Store(l)
	died := l.watch(ctx)
	r.link.Store(nil)
	r.dropped.Add(l.lost())
	l.queue.close()
	stopped := l.close()
	close(l.ended)
	wg.Wait()
	if died == nil {
		return stopped
	}
	if stopped != nil {
		r.log.Error().Err(stopped).Msg("server left behind")
	}
	return died
}

// send queues frames; a rail that is down gives them up.
func (r *rail) send(frames []outgoing) {
	l := r.link.Load()
	if l == nil {
		r.dropped.Add(uint64(len(frames)))
		return
	}
	r.dropped.Add(l.queue.push(frames...))
}

// hear notes that a node was heard on this rail.
func (r *rail) hear(node string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.peers[node]; !known && len(r.peers) >= maxPeers {
		oldest := node
		for name, at := range r.peers {
			if oldest == node || at.Before(r.peers[oldest]) {
				oldest = name
			}
		}
		delete(r.peers, oldest)
	}
	r.peers[node] = now
}

func (r *rail) setUp(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.address, r.err, r.since = address, "", time.Now()
}

// setDown reports whether the reason is news.
func (r *rail) setDown(reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.err != reason
	if r.err == "" {
		r.since = time.Now()
	}
	r.err = reason
	return news
}

func (r *rail) status() bus.RailStatus {
	r.mu.Lock()
	s := bus.RailStatus{Name: r.name, Listen: r.address, Err: r.err, Since: r.since, Peers: maps.Clone(r.peers)}
	r.mu.Unlock()
	s.Refused, s.Dropped, s.Twins = r.refused.Load(), r.dropped.Load(), r.twins.Load()
	if l := r.link.Load(); l != nil {
		s.Up, s.Routes = l.nc.IsConnected(), l.srv.NumRoutes()
		s.Dropped += l.lost()
		if !s.Up {
			s.Err = "client is reconnecting"
		}
	}
	return s
}

// serverName is different for each server that ever runs: a peer that has not yet noticed the end of the former one refuses a second of the same name.
func (r *rail) serverName() string {
	o := r.bus.opt
	return bus.Token(o.Node) + "-" + strconv.FormatUint(o.Install, 16) + "-" + strconv.FormatUint(o.Boot, 16) + "-" + strconv.FormatUint(r.generation, 16)
}
