// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

func (s *Stage) cut(_ context.Context, f script.Fault) error {
	m, err := s.machine(f.Node)
	if err != nil {
		return err
	}
	_, err = s.world.Cut(m.Node)
	return err
}

func (s *Stage) cutPair(_ context.Context, f script.Fault) error {
	a, b, err := s.ends(f)
	if err != nil {
		return err
	}
	_, err = s.world.CutPair(a, b)
	return err
}

func (s *Stage) cutOneWay(_ context.Context, f script.Fault) error {
	from, to, err := s.ends(f)
	if err != nil {
		return err
	}
	_, err = s.world.CutOneWay(from, to)
	return err
}

// ends returns the two machines that a fault is between.
func (s *Stage) ends(f script.Fault) (a, b *lab.Node, err error) {
	first, err := s.machine(f.Node)
	if err != nil {
		return nil, nil, err
	}
	second, err := s.machine(f.Peer)
	if err != nil {
		return nil, nil, err
	}
	return first.Node, second.Node, nil
}

func (s *Stage) cutRail(_ context.Context, f script.Fault) error {
	nodes, err := s.hit(f)
	if err != nil {
		return err
	}
	_, err = s.world.CutRail(f.Rail, nodes...)
	return err
}

// hit returns the machines that a fault hits, which may be all of them.
func (s *Stage) hit(f script.Fault) ([]*lab.Node, error) {
	if f.Node == "" {
		return s.world.Nodes(), nil
	}
	m, err := s.machine(f.Node)
	if err != nil {
		return nil, err
	}
	return []*lab.Node{m.Node}, nil
}

func (s *Stage) heal(_ context.Context, f script.Fault) error {
	nodes, err := s.hit(f)
	if err != nil {
		return err
	}
	_, err = s.world.Heal(nodes...)
	return err
}

func (s *Stage) lose(_ context.Context, f script.Fault) error {
	var rails []int
	if f.Rail > 0 {
		rails = []int{f.Rail}
	}
	_, err := s.world.Lose(f.Percent, rails...)
	return err
}
