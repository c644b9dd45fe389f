// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

const (
	// connectTimeout is what a balancer waits for a connection to a server, as in configs/haproxy.cfg.
	connectTimeout = 200 * time.Millisecond
	// connectTries is how often it tries to connect for one request: once, and three retries, each to another server.
	connectTries = 4
	// serviceTime is the longest time in which an application answers; the shortest is a fifth of it.
	serviceTime = 5 * time.Millisecond
)

// client asks through every balancer that runs, as often as the script says. A balancer takes its servers in turn. An
// application that is dead refuses at once, and the request goes to another server; one that hangs or cannot be reached costs
// the connect timeout first. A request is lost if no server is left to try, if it is answered with an error, and if the
// application or the balancer ends while it is in flight.
type client struct {
	s       *Stage
	every   time.Duration // between two requests through one balancer
	turns   []int         // by machine of the balancer: whose turn it is
	flying  []*request
	failed  int
	failing []moments.Failure
	lastly  map[bool]time.Duration // when a request ended last that was answered, and one that was not

	asks string                   // the resource whose address is asked; empty = every balancer
	used map[string]time.Duration // by resource: when it was asked last
}

// newClient returns a client that has asked nothing yet.
func newClient(s *Stage, c script.Cluster) *client {
	return &client{
		s: s, every: time.Second / time.Duration(c.Clients), turns: make([]int, len(s.w.machines)), asks: c.ClientsTo,
		lastly: map[bool]time.Duration{}, used: map[string]time.Duration{},
	}
}

// request is a request on its way.
type request struct {
	through *proxy
	pid     int
	tries   int
	to      *machine
	until   time.Duration // when it is answered
	asked   string        // the resource whose address was asked; empty = none
}

// begin sends requests from now on, through one balancer after the other.
func (c *client) begin() {
	if c.asks != "" {
		c.keepAskingAt()
		return
	}
	for i, show := range c.s.shows {
		c.s.w.do(c.every*time.Duration(i)/time.Duration(len(c.s.shows)), func() { c.keepAsking(show.p) })
	}
}

func (c *client) keepAsking(p *proxy) {
	c.s.w.do(c.every, func() { c.keepAsking(p) })
	switch {
	case !p.answers():
	case c.s.cuts.fromOutside(c.s.w.now, p.on):
		c.lose()
	default:
		c.attempt(&request{through: p, pid: p.pid})
	}
}

// keepAskingAt asks the address: who answers for it takes the request.
func (c *client) keepAskingAt() {
	c.s.w.do(c.every, c.keepAskingAt)
	c.used[c.asks] = c.s.w.now
	m := c.s.answering(c.asks)
	switch {
	case m == nil || m.proxy == nil || !m.proxy.answers() || c.s.cuts.fromOutside(c.s.w.now, m):
		c.lose()
	case len(m.proxy.servers) == 0:
		c.answered() // by the balancer itself
	default:
		c.attempt(&request{through: m.proxy, pid: m.proxy.pid, asked: c.asks})
	}
}

// attempt sends a request to the next server.
func (c *client) attempt(r *request) {
	to := c.next(r.through)
	if !r.through.runs || to == nil || r.tries == connectTries {
		c.lose()
		return
	}
	r.tries++
	switch fate := to.app.fate; {
	case fate == appHangs || !c.s.reaches(r.through.on, to) || c.s.lateFrame():
		c.s.w.do(connectTimeout, func() { c.attempt(r) })
	case fate == appDead:
		c.attempt(r)
	case fate == appFails:
		c.lose()
	default:
		c.fly(r, to)
	}
}

// next is the server whose turn it is among those that serve.
func (c *client) next(p *proxy) *machine {
	var serving []*machine
	for _, m := range c.s.w.machines {
		if h, ok := p.servers[key(m)]; ok && inRotation(h) {
			serving = append(serving, m)
		}
	}
	if len(serving) == 0 {
		return nil
	}
	turn := &c.turns[p.on.index]
	*turn++
	return serving[*turn%len(serving)]
}

// fly lets a request be answered in a while. Until then it is a session of its server.
func (c *client) fly(r *request, to *machine) {
	r.to, r.until = to, c.s.w.now+serviceTime/5+c.s.w.some(serviceTime*4/5)
	r.through.busy[key(to)] = max(r.through.busy[key(to)], r.until)
	c.flying = append(c.flying, r)
	c.s.w.at(r.until, event{what: evDo, data: func() { c.land(r) }})
}

func (c *client) land(r *request) {
	i := slices.Index(c.flying, r)
	if i < 0 {
		return // it was lost
	}
	c.flying = slices.Delete(c.flying, i, i+1)
	p := r.through
	// A process that is still the same and knows no session any more was told to end those that there were.
	killed := p.pid == r.pid && p.busy[key(r.to)] < r.until
	moved := r.asked != "" && c.s.answering(r.asked) != p.on
	if killed || moved || r.to.app.fate != appRuns || !c.s.reaches(p.on, r.to) {
		c.lose()
		return
	}
	c.answered()
}

// strike loses what is in flight through a balancer or to an application that ends.
func (c *client) strike(m *machine, p *proxy) {
	if c == nil {
		return
	}
	c.flying = slices.DeleteFunc(c.flying, func(r *request) bool {
		hit := r.to == m || r.through == p
		if hit {
			c.lose()
		}
		return hit
	})
}

func (c *client) answered() { c.lastly[true] = c.s.w.now }

func (c *client) lose() {
	c.failed++
	c.lastly[false] = c.s.w.now
	now := c.s.Now()
	if last := len(c.failing) - 1; last >= 0 && c.failing[last].At == now {
		c.failing[last].Count++
		return
	}
	c.failing = remember(c.failing, moments.Failure{At: now, Count: 1})
	c.s.w.say("CLIENT", "a request fails")
}

// reaches tells whether a machine can have a connection to another one on the service network.
func (s *Stage) reaches(from, to *machine) bool {
	n := s.w.net
	return !to.off && n.reaches(from.index, to.index, 0) && n.reaches(to.index, from.index, 0) && 2*n.extra <= connectTimeout
}

// lateFrame tells whether the first frame of a connection gets lost. It is sent again after the connect timeout only.
func (s *Stage) lateFrame() bool {
	loss := s.w.net.loss[0]
	return loss > 0 && s.w.rng.Float64() < loss
}
