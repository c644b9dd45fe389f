// SPDX-License-Identifier: Apache-2.0

package membus

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
)

// InboxFrames bounds the frames that wait for one node's handler; past it the oldest are given up.
const InboxFrames = 1024

// ErrRunning means that Run was called a second time.
var ErrRunning = errors.New("bus already ran")

// direction is a way from one node to another, by name.
type direction struct{ from, to string }

// delivery is one copy of a frame on its way into an inbox.
type delivery struct {
	env  bus.Envelope
	rail int
}

// Network joins ports by rails. All methods are safe for concurrent use.
type Network struct {
	rails []string

	mu      sync.Mutex
	ports   []*Port // those that run
	cut     map[direction]struct{}
	railCut map[int]struct{}
}

// New returns a network with the named rails, or with two, "a" and "b", when none is named.
func New(rails ...string) *Network {
	if len(rails) == 0 {
		rails = []string{"a", "b"}
	}
	return &Network{rails: slices.Clone(rails), cut: make(map[direction]struct{}), railCut: make(map[int]struct{})}
}

// Join returns a port for a node. Like the real bus it sends and hears nothing before Run. A node that starts again joins again.
func (n *Network) Join(name string) *Port {
	p := &Port{network: n, name: name, wake: make(chan struct{}, 1), heard: make([]map[string]time.Time, len(n.rails))}
	for i := range p.heard {
		p.heard[i] = make(map[string]time.Time)
	}
	p.since = time.Now()
	return p
}

// Cut stops all frames between two nodes, both ways.
func (n *Network) Cut(a, b string) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay stops all frames from one node to another.
func (n *Network) CutOneWay(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[direction{from, to}] = struct{}{}
}

// Heal lets frames between two nodes pass again, both ways.
func (n *Network) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, direction{a, b})
	delete(n.cut, direction{b, a})
}

// CutRail stops all frames on one rail, counted from 0.
func (n *Network) CutRail(rail int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.railCut[rail] = struct{}{}
}

// HealRail lets frames on one rail pass again.
func (n *Network) HealRail(rail int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.railCut, rail)
}

// attach makes a port part of the network.
func (n *Network) attach(p *Port) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports = append(n.ports, p)
}

func (n *Network) detach(p *Port) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports = slices.DeleteFunc(n.ports, func(q *Port) bool { return q == p })
}

// carry puts a copy of the frame per working rail into the inbox of every receiver, and returns how many copies no rail carried for want of a sender that runs.
func (n *Network) carry(from *Port, to string, env bus.Envelope) (dropped uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.ports, from) {
		return 1
	}
	for _, p := range n.ports {
		if _, cut := n.cut[direction{from.name, p.name}]; cut || p == from || to != "" && to != p.name {
			continue
		}
		for rail := range n.rails {
			if _, cut := n.railCut[rail]; !cut {
				p.put(delivery{env: env, rail: rail})
			}
		}
	}
	return 0
}

// reached counts the running ports that a port can exchange frames with on a rail.
func (n *Network) reached(p *Port, rail int) (routes int, running bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	running = slices.Contains(n.ports, p)
	if _, cut := n.railCut[rail]; cut || !running {
		return 0, running
	}
	for _, q := range n.ports {
		_, out := n.cut[direction{p.name, q.name}]
		_, in := n.cut[direction{q.name, p.name}]
		if q != p && !out && !in {
			routes++
		}
	}
	return routes, running
}

// Port is one node's end. All methods are safe for concurrent use.
type Port struct {
	network *Network
	name    string
	wake    chan struct{} // capacity 1; full means that Run knows already

	mu             sync.Mutex
	ran            bool
	inbox          []delivery
	since          time.Time
	heard          []map[string]time.Time // per rail
	dropped, twins uint64
}

// Run hands every first copy of a frame to handler until ctx ends. It can be called once.
func (p *Port) Run(ctx context.Context, handler func(env bus.Envelope, rail int)) error {
	p.mu.Lock()
	ran := p.ran
	p.ran, p.since = true, time.Now()
	p.mu.Unlock()
	if ran {
		return ErrRunning
	}
	p.network.attach(p)
	defer p.stop()
	var window bus.Window
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		for ctx.Err() == nil {
			d, ok := p.next()
			if !ok {
				break
			}
			if window.Accept(d.env.From, d.env.Install, d.env.Boot, d.env.Seq) {
				handler(d.env, d.rail)
			}
		}
	}
}

func (p *Port) stop() {
	p.network.detach(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inbox, p.since = nil, time.Now()
}

// Send puts frames into the inboxes of their receivers, in their order. A frame whose payload is over the limit of package bus is left out.
func (p *Port) Send(frames ...bus.Outgoing) {
	for _, f := range frames {
		if len(f.Envelope.Payload) > bus.MaxPayload {
			continue
		}
		f.Envelope.Payload = slices.Clone(f.Envelope.Payload)
		if dropped := p.network.carry(p, f.To, f.Envelope); dropped > 0 {
			p.mu.Lock()
			p.dropped += dropped
			p.mu.Unlock()
		}
	}
}

// Rails returns the state of each rail. A rail is up while the port runs: a node does not see a cut, it only hears less. Drops and twins are told with the first rail.
func (p *Port) Rails() []bus.RailStatus {
	out := make([]bus.RailStatus, len(p.network.rails))
	for i, name := range p.network.rails {
		routes, running := p.network.reached(p, i)
		p.mu.Lock()
		out[i] = bus.RailStatus{Name: name, Listen: "memory", Up: running, Since: p.since, Peers: maps.Clone(p.heard[i]), Routes: routes}
		if i == 0 {
			out[i].Dropped, out[i].Twins = p.dropped, p.twins
		}
		p.mu.Unlock()
		if !running {
			out[i].Err = "not running"
		}
	}
	return out
}

// put adds a copy to the inbox. A copy under our own name comes from a second node that uses it, and is only counted.
func (p *Port) put(d delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.env.From == p.name {
		p.twins++
		return
	}
	p.heard[d.rail][d.env.From] = time.Now()
	if len(p.inbox) == InboxFrames {
		p.inbox = p.inbox[1:]
		p.dropped++
	}
	p.inbox = append(p.inbox, d)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// next takes the oldest copy out of the inbox.
func (p *Port) next() (delivery, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inbox) == 0 {
		return delivery{}, false
	}
	d := p.inbox[0]
	p.inbox = p.inbox[1:]
	return d, true
}
