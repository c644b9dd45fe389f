// SPDX-License-Identifier: Apache-2.0

package natsbus

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// Bounds and defaults.
const (
	// DefaultPingInterval is the time between the pings on a route. Each end of each route pings, and a ping costs as much processor time as a small frame:
	// four peers on two rails and two pings a second are 64 pings and answers a second.
	DefaultPingInterval = 500 * time.Millisecond
	// DefaultPingsOut is the number of pings without an answer that a route survives until the next is due; with the interval above, a silent route is gone
	// after 1.0 to 1.5 s.
	DefaultPingsOut = 2

	minPingInterval = 20 * time.Millisecond
	maxPingInterval = 30 * time.Second // the NATS server uses no longer one on routes
	maxPingsOut     = 10
	maxSeeds        = 64
)

// ErrOptions means that a bus cannot be made from the options.
var ErrOptions = errors.New("bad bus options")

// Rail is this node's end of one network that carries the bus.
type Rail struct {
	// Name is the same on all nodes and different from the other rails' names.
	Name string
	// Listen is the host and port for the routes of the other nodes; port 0 takes a free one.
	Listen string
	// Seeds are hosts and ports of other nodes on this rail. One that lives is enough: the servers tell each other about the rest.
	Seeds []string
}

// Options describes a bus. Node, Sealer and Rails are required.
type Options struct {
	// Node is this node's name.
	Node string
	// Sealer authenticates the frames and names the network.
	Sealer bus.Sealer
	// Install and Boot identify this installation and its life, see bus.Envelope.
	Install, Boot uint64
	// Rails are the networks, at most bus.MaxRails.
	Rails []Rail
	// PingInterval is the time between pings on a route; 0 = DefaultPingInterval.
	PingInterval time.Duration
	// PingsOut is the number of pings without an answer that a route survives until the next is due; 0 = DefaultPingsOut. A silent route is closed after
	// PingsOut to PingsOut+1 intervals. Few pings that may take long cost less than many that may take short, for the same patience.
	PingsOut int
	// Log gets what operators should know; NATS's own notices go to its debug level.
	Log zerolog.Logger
}

// endpoint is a rail's address, taken apart.
type endpoint struct {
	host string
	port int
}

func (o *Options) check() error {
	switch {
	case o.Node == "" || len(o.Node) > bus.MaxName:
		return fmt.Errorf("%w: node name of %d bytes, 1 to %d are allowed", ErrOptions, len(o.Node), bus.MaxName)
	case o.Sealer.Network() == "":
		return fmt.Errorf("%w: no key", ErrOptions)
	case len(o.Rails) == 0 || len(o.Rails) > bus.MaxRails:
		return fmt.Errorf("%w: %d rails, 1 to %d are allowed", ErrOptions, len(o.Rails), bus.MaxRails)
	}
	if o.PingInterval == 0 {
		o.PingInterval = DefaultPingInterval
	}
	if o.PingInterval < minPingInterval || o.PingInterval > maxPingInterval {
		return fmt.Errorf("%w: ping interval %v, %v to %v are allowed", ErrOptions, o.PingInterval, minPingInterval, maxPingInterval)
	}
	if o.PingsOut == 0 {
		o.PingsOut = DefaultPingsOut
	}
	if o.PingsOut < 0 || o.PingsOut > maxPingsOut {
		return fmt.Errorf("%w: %d pings out, 1 to %d are allowed", ErrOptions, o.PingsOut, maxPingsOut)
	}
	names := make(map[string]struct{}, len(o.Rails))
	for _, r := range o.Rails {
		if _, twice := names[r.Name]; twice || r.Name == "" || len(r.Name) > bus.MaxName {
			return fmt.Errorf("%w: rail name %q is empty, too long or used twice", ErrOptions, r.Name)
		}
		names[r.Name] = struct{}{}
		if len(r.Seeds) > maxSeeds {
			return fmt.Errorf("%w: rail %s: %d seeds, limit %d", ErrOptions, r.Name, len(r.Seeds), maxSeeds)
		}
	}
	return nil
}

// parseEndpoint takes host:port apart.
func parseEndpoint(s string) (endpoint, error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return endpoint{}, fmt.Errorf("%w: address %q: %w", ErrOptions, s, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return endpoint{}, fmt.Errorf("%w: address %q: port: %w", ErrOptions, s, err)
	}
	return endpoint{host: host, port: int(port)}, nil
}
