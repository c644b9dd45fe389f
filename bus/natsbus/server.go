// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// What an embedded server may use.
const (
	routeUser       = "evenkeel"
	routeDeadline   = 2 * time.Second // a write to a route that takes longer closes it
	maxPending      = 8 << 20         // bytes that wait for one route; more closes it
	keptClosed      = 4               // closed connections that the server remembers for its monitoring, which is off
	serverLogLines  = 20              // lines of a server that pass per serverLogPeriod
	serverLogPeriod = time.Minute

	// noClientPort is no TCP port. With DontListen set, nats-server 2.15.2 never starts its routes: they wait for the end of the client listener's start, which
	// then never begins. A client listener that fails at once ends the wait and leaves no port behind. Its error comes to our logger as this line.
	noClientPort     = 1 << 16
	noClientPortLine = "Error listening on port: "
)

// serverOptions returns the options of a rail's server. What is not set here was checked to be off: JetStream, HTTP, gateways, leaf nodes, websockets, MQTT,
// profiling, files of any kind and, above all, NoAuthUser (CVE-2026-58253).
func serverOptions(r *rail) *server.Options {
	o, password := r.bus.opt, r.bus.opt.Sealer.RoutePassword()
	port := r.listen.port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	opt := &server.Options{
		ServerName: r.serverName(),
		Host:       "127.0.0.1",
		Port:       noClientPort, // clients come from inside the process only
		NoSigs:     true,         // signals belong to the process
		// The system account would publish statistics over the routes and answer requests from any of them.
		NoSystemAccount:  true,
		MaxPayload:       bus.MaxFrame,
		MaxPending:       maxPending,
		MaxControlLine:   server.MAX_CONTROL_LINE_SIZE,
		MaxClosedClients: keptClosed,
		PingInterval:     clientPing,
		WriteDeadline:    routeDeadline,
		Cluster: server.ClusterOpts{
			Name:           o.Sealer.Network() + "-" + bus.Token(r.name),
			Host:           r.listen.host,
			Port:           port,
			Advertise:      advertise(r.listen.host),
			Username:       routeUser,
			Password:       password,
			NoAdvertise:    true,
			ConnectRetries: math.MaxInt32,
			PoolSize:       -1, // one connection per peer: a pool can be half dead
			Compression:    server.CompressionOpts{Mode: server.CompressionOff},
			PingInterval:   o.PingInterval,
			MaxPingsOut:    o.PingsOut,
			WriteDeadline:  routeDeadline,
			WriteTimeout:   server.WriteTimeoutPolicyClose,
		},
	}
	for _, seed := range r.seeds {
		opt.Routes = append(opt.Routes, &url.URL{Scheme: "nats-route", User: url.UserPassword(routeUser, password), Host: seed})
	}
	return opt
}

// advertise returns what the others are told of this end. Left to itself a server tells the source address of its own connections, which need not be the one it
// listens on. For a wildcard address there is nothing better.
func advertise(host string) string {
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return host // a name, or empty
	case ip.IsUnspecified(), ip.Zone() != "": // a zone means nothing to the others
		return ""
	case ip.Is6():
		return "[" + host + "]"
	default:
		return host
	}
}

// serverLog passes a server's lines on and records the fatal ones: NATS leaves the exit of the process to its logger, and this one does not.
type serverLog struct {
	log   zerolog.Logger
	fatal chan error // capacity 1: the first one counts

	mu     sync.Mutex
	period time.Time
	lines  int
}

func newServerLog(log zerolog.Logger) *serverLog {
	return &serverLog{log: log.With().Str("part", "nats").Logger(), fatal: make(chan error, 1)}
}

// Noticef takes what NATS says about its ordinary life.
func (s *serverLog) Noticef(format string, v ...any) { s.log.Debug().Msgf(format, v...) }

// Debugf takes details; the server is told not to send any.
func (s *serverLog) Debugf(format string, v ...any) { s.log.Debug().Msgf(format, v...) }

// Tracef takes traces; the server is told not to send any.
func (s *serverLog) Tracef(format string, v ...any) { s.log.Trace().Msgf(format, v...) }

// Warnf takes warnings.
func (s *serverLog) Warnf(format string, v ...any) { s.warn(fmt.Sprintf(format, v...)) }

// Errorf takes errors. They are about single connections, hence warnings to us, with one exception: a listener that accepts no more spins for ever, and only
// a new server helps.
func (s *serverLog) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	s.warn(line)
	if strings.Contains(line, " Accept error: ") {
		s.fail(line)
	}
}

// Fatalf records the error for the rail, which is then down. The client listener is meant to fail.
func (s *serverLog) Fatalf(format string, v ...any) {
	if !strings.HasPrefix(format, noClientPortLine) {
		s.fail(fmt.Sprintf(format, v...))
	}
}

func (s *serverLog) fail(line string) {
	select {
	case s.fatal <- errors.New(line):
	default:
	}
}

// warn logs a line unless the server has said too much lately.
func (s *serverLog) warn(line string) {
	s.mu.Lock()
	if now := time.Now(); now.Sub(s.period) >= serverLogPeriod {
		s.period, s.lines = now, 0
	}
	s.lines++
	lines := s.lines
	s.mu.Unlock()
	switch {
	case lines < serverLogLines:
		s.log.Warn().Msg(line)
	case lines == serverLogLines:
		s.log.Warn().Dur("quiet_ms", serverLogPeriod).Msg(line + " (further lines are held back for a while)")
	}
}
