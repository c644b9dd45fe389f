// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// cuts is what the script did to the network, by the ends that it touched: so that to heal one machine leaves alone what was
// done to the others. Networks are counted as in way.
type cuts struct {
	ports  [][]bool // by machine and network
	pairs  [][]bool // by sender and receiver, on all networks
	holds  []time.Duration
	spared []bool // from loss and delay
}

func newCuts(machines, nets int) *cuts {
	c := &cuts{holds: make([]time.Duration, machines), spared: make([]bool, machines)}
	for range machines {
		c.ports = append(c.ports, make([]bool, nets))
		c.pairs = append(c.pairs, make([]bool, machines))
	}
	return c
}

// fromOutside tells whether a machine cannot be reached by those who are never cut off themselves.
func (c *cuts) fromOutside(now time.Duration, m *machine) bool {
	return c.ports[m.index][0] || c.holds[m.index] > now
}

// way is what becomes of the way from one machine to another. On the service network, a connection needs both directions, and
// none is made while frames are kept.
func (c *cuts) way(now time.Duration, from, to, net int, was way) way {
	hold := max(c.holds[from], c.holds[to])
	cut := c.ports[from][net] || c.ports[to][net] || c.pairs[from][to]
	if net == 0 {
		cut = cut || c.pairs[to][from] || hold > now
	}
	if hold < was.hold {
		was.last = 0 // what is sent from now on need not wait for what was kept
	}
	return way{cut: cut, hold: hold, last: was.last, spared: c.spared[from] || c.spared[to]}
}

// heal forgets what was done to one machine.
func (c *cuts) heal(m int) {
	clear(c.ports[m])
	clear(c.pairs[m])
	for i := range c.pairs {
		c.pairs[i][m] = false
	}
	c.holds[m], c.spared[m] = 0, true
}

// rewire makes the network as the cuts have it.
func (s *Stage) rewire() {
	for from, row := range s.w.net.ways {
		for to, ways := range row {
			for net := range ways {
				if from != to {
					ways[net] = s.cuts.way(s.w.now, from, to, net, ways[net])
				}
			}
		}
	}
}

func (s *Stage) cut(f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	for net := range s.cuts.ports[m.index] {
		s.cuts.ports[m.index][net] = true
	}
	s.rewire()
	return nil
}

func (s *Stage) cutPair(f script.Fault) error { return s.cutBetween(f, s.pairCut, s.pairCutBack) }

func (s *Stage) cutOneWay(f script.Fault) error { return s.cutBetween(f, s.pairCut) }

func (s *Stage) pairCut(from, to int)     { s.cuts.pairs[from][to] = true }
func (s *Stage) pairCutBack(from, to int) { s.cuts.pairs[to][from] = true }

func (s *Stage) cutBetween(f script.Fault, change ...func(from, to int)) error {
	from, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	to, err := s.machine(f.Peer)
	if err != nil {
		return err
	}
	for _, do := range change {
		do(from.index, to.index)
	}
	s.rewire()
	return nil
}

func (s *Stage) cutRail(f script.Fault) error {
	if f.Rail < 1 || f.Rail > s.cluster.Rails {
		return fmt.Errorf("rail %d: there are %d", f.Rail, s.cluster.Rails)
	}
	hit, err := s.hit(f)
	if err != nil {
		return err
	}
	for _, m := range hit {
		s.cuts.ports[m.index][f.Rail] = true
	}
	s.rewire()
	return nil
}

// hit returns the machines that a fault hits, which may be all of them.
func (s *Stage) hit(f script.Fault) ([]*machine, error) {
	if f.Node == "" {
		return s.w.machines, nil
	}
	m, err := s.machine(f.Node)
	if err != nil {
		return nil, err
	}
	return []*machine{m}, nil
}

func (s *Stage) heal(f script.Fault) error {
	if f.Node == "" {
		s.cuts = newCuts(len(s.w.machines), s.cluster.Rails+1)
		s.rewire()
		s.w.net.heal()
		return nil
	}
	m, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	s.cuts.heal(m.index)
	s.rewire()
	return nil
}

func (s *Stage) lose(f script.Fault) error {
	if f.Rail > s.cluster.Rails {
		return fmt.Errorf("rail %d: there are %d", f.Rail, s.cluster.Rails)
	}
	for net := range s.cluster.Rails + 1 {
		if f.Rail == 0 || f.Rail == net {
			s.w.net.loss[net] = float64(f.Percent) / 100
		}
	}
	s.spareNobody()
	return nil
}

// delay lets every frame take that long on average, by half of it more or less.
func (s *Stage) delay(f script.Fault) error {
	s.w.net.extra = f.For
	s.spareNobody()
	return nil
}

func (s *Stage) spareNobody() {
	clear(s.cuts.spared)
	s.rewire()
}

func (s *Stage) hold(f script.Fault) error {
	hit, err := s.hit(f)
	if err != nil {
		return err
	}
	for _, m := range hit {
		s.cuts.holds[m.index] = max(s.cuts.holds[m.index], s.w.now+f.For)
	}
	s.rewire()
	s.w.do(f.For, s.rewire) // the service network is back then
	return nil
}

// isNode tells whether a name is that of a node.
func (s *Stage) isNode(name string) bool { return slices.Contains(s.cluster.Nodes(), name) }
