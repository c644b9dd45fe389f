// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// Bounds of one link.
const (
	inFrames       = 1024            // frames that wait for the handler; past half of it the oldest are given up
	startTimeout   = 5 * time.Second // for the listener and for the client's connect
	stopTimeout    = 5 * time.Second // for the server to stop; it takes some 10 ms
	flusherTimeout = time.Second     // longest write of the client to its server
	clientRetry    = 50 * time.Millisecond
	clientPing     = time.Minute // the pipe inside the process cannot fall silent as a network can
	watchEvery     = time.Second
	maxOffline     = 3 // looks in a row at a client without connection before the server is replaced
)

var (
	// errStopping ends a start when the bus stops.
	errStopping = errors.New("bus is stopping")
	// errServerStuck is the one failure that a rail cannot repair: a server that does not stop.
	errServerStuck = errors.New("server does not stop")
)

// link is one life of a rail: a server, the client inside the process and the frames between them.
type link struct {
	rail   *rail
	srv    *server.Server
	fatal  <-chan error
	nc     *nats.Conn
	closed chan struct{} // closed when the client gave up for good
	ended  chan struct{} // closed when nothing more is to be received
	in     chan *nats.Msg
	subs   []*nats.Subscription
	queue  *queue
}

// openLink starts the server and connects the client; after an error nothing runs.
func openLink(ctx context.Context, r *rail) (*link, error) {
	logger := newServerLog(r.log)
	srv, err := server.NewServer(serverOptions(r))
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	srv.SetLoggerV2(logger, false, false, false)
	l := &link{
		rail: r, srv: srv, fatal: logger.fatal, closed: make(chan struct{}),
		ended: make(chan struct{}), in: make(chan *nats.Msg, inFrames), queue: newQueue(),
	}
	srv.Start()
	if err := l.awaitListener(ctx); err != nil {
		return nil, errors.Join(err, l.stopServer())
	}
	if port := srv.Addr(); port != nil {
		return nil, errors.Join(fmt.Errorf("server listens for clients on %v", port), l.stopServer())
	}
	if err := l.connect(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// awaitListener waits until the server accepts routes. ReadyForConnections would sleep through both ctx and a fatal error.
func (l *link) awaitListener(ctx context.Context) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return errStopping
		case err := <-l.fatal:
			return fmt.Errorf("start server: %w", err)
		case <-late.C:
			return fmt.Errorf("start server: no listener after %v", startTimeout)
		case <-poll.C:
			if l.srv.ClusterAddr() != nil {
				return nil
			}
		}
	}
}

// connect attaches the client and listens on both subjects. Both feed one channel: what comes together is handled together.
func (l *link) connect() error {
	nc, err := nats.Connect(
		"", nats.InProcessServer(l.srv), nats.Name(l.rail.serverName()), nats.NoEcho(), nats.IgnoreDiscoveredServers(),
		nats.Timeout(startTimeout), nats.FlusherTimeout(flusherTimeout), nats.ReconnectOnFlusherError(),
		nats.ReconnectBufSize(-1), nats.MaxReconnects(-1), nats.ReconnectWait(clientRetry), nats.ReconnectJitter(clientRetry, clientRetry),
		nats.PingInterval(clientPing), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.rail.log.Debug().Err(err).Msg("nats client") }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.rail.log.Debug().Err(err).Msg("nats client disconnected") }),
		nats.ClosedHandler(func(*nats.Conn) { close(l.closed) }),
	)
	if err != nil {
		return fmt.Errorf("connect client: %w", err)
	}
	l.nc = nc
	network := l.rail.bus.opt.Sealer.Network()
	for _, subject := range []string{l.rail.bus.all, bus.SubjectTo(network, l.rail.bus.opt.Node)} {
		sub, err := nc.ChanSubscribe(subject, l.in)
		if err != nil {
			return fmt.Errorf("subscribe %s: %w", subject, err)
		}
		l.subs = append(l.subs, sub)
	}
	if err := nc.FlushTimeout(startTimeout); err != nil {
		return fmt.Errorf("flush subscriptions: %w", err)
	}
	return nil
}

// receive hands on what comes until the link ends. The client gives up the newest frame when the channel is full, so the older half goes first.
func (l *link) receive() {
	for {
		select {
		case <-l.ended:
			return
		case m := <-l.in:
			if len(l.in) > inFrames/2 {
				l.rail.dropped.Add(1)
				continue
			}
			l.rail.bus.deliver(l.rail, m.Data)
		}
	}
}

// pump publishes what is queued until the queue is closed. A frame that the client refuses because it is reconnecting is lost, as intended.
func (l *link) pump() {
	var spare []outgoing
	for {
		items := l.queue.take(spare)
		if items == nil {
			return
		}
		for _, o := range items {
			if err := l.nc.Publish(o.subject, o.frame); err != nil {
				l.rail.dropped.Add(1)
			}
		}
		spare = items
	}
}

// watch returns when the link died, with the reason, or with nil when ctx ended.
func (l *link) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	offline := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.fatal:
			return fmt.Errorf("server: %w", err)
		case <-l.closed:
			return errors.New("client closed")
		case <-tick.C:
		}
		if !l.srv.Running() || l.srv.ClusterAddr() == nil {
			return errors.New("server stopped")
		}
		if offline++; l.nc.IsConnected() {
			offline = 0
		}
		if offline >= maxOffline {
			return errors.New("client cannot reach its own server")
		}
	}
}

// lost counts the frames that the client's full queues cost.
func (l *link) lost() uint64 {
	var n uint64
	for _, sub := range l.subs {
		if dropped, err := sub.Dropped(); err == nil && dropped > 0 {
			n += uint64(dropped)
		}
	}
	return n
}

// close ends the client, then the server.
func (l *link) close() error {
	if l.nc != nil {
		l.nc.Close()
	}
	return l.stopServer()
}

// stopServer shuts the server down within stopTimeout. One that hangs is left to itself: nothing in NATS can end it from outside.
func (l *link) stopServer() error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.srv.Shutdown()
		l.srv.WaitForShutdown()
	}()
	late := time.NewTimer(stopTimeout)
	defer late.Stop()
	select {
	case <-done:
		return nil
	case <-late.C:
		return fmt.Errorf("rail %s: %w within %v", l.rail.name, errServerStuck, stopTimeout)
	}
}
