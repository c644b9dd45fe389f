// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func (s *Stage) memberIs(c script.Cond) (finding, error) {
	if c.On != "" {
		if _, err := s.proxy(c.On); err != nil {
			return finding{}, err
		}
	}
	k, last := serverOf(c.Target), finding{seen: "no HAProxy runs"}
	for _, show := range s.shows {
		name := string(show.p.on.name)
		switch {
		case c.On != "" && c.On != name, c.On == "" && !show.p.answers():
			continue
		case !show.p.answers():
			return finding{seen: fmt.Sprintf("%s: %s", name, errNoProxy)}, nil
		}
		h, known := show.p.servers[k]
		if !known {
			return finding{}, fmt.Errorf("the HAProxy of %s has no server %s", name, k)
		}
		last = finding{string(memberState(h)) == c.State, fmt.Sprintf("%s is %s on %s", c.Target, serverState(h), name)}
		if !last.holds {
			return last, nil
		}
	}
	return last, nil
}

func (s *Stage) inStep(c script.Cond) (finding, error) {
	return s.steps(c.On, func(out []string) bool { return len(out) == 0 })
}

// notInStep holds when at least one of the balancers is not in step, for each node that is asked.
func (s *Stage) notInStep(c script.Cond) (finding, error) {
	return s.steps(c.On, func(out []string) bool { return len(out) > 0 })
}

// steps judges which balancers are not in step, as the nodes that know tell it: of one node, or of all that run.
func (s *Stage) steps(on string, accept func(out []string) bool) (finding, error) {
	if on != "" {
		if _, err := s.proxy(on); err != nil {
			return finding{}, err
		}
	}
	meant := map[string]bool{}
	for _, show := range s.shows {
		m := show.p.on
		if string(m.name) == on || on == "" && m.acts() {
			meant[string(m.name)] = true
		}
	}
	if len(meant) == 0 {
		return finding{seen: "no node with a balancer runs"}, nil
	}
	voices, err := s.knowing("")
	return every(voices, nobodyKnows, func(m *machine) finding {
		v := m.core.View(m.now())
		out, known := outOfStep(v, meant)
		if known < len(meant) {
			return finding{seen: fmt.Sprintf("%s tells of %d of %d balancers", v.Node, known, len(meant))}
		}
		seen := "in step"
		if len(out) > 0 {
			seen = fmt.Sprintf("%s says: %s", v.Node, strings.Join(out, "; "))
		}
		return finding{accept(out), seen}
	}), err
}

// outOfStep returns those of some balancers that are not in step, with the reasons, and how many of them are known.
func outOfStep(v cluster.View, meant map[string]bool) (out []string, known int) {
	for _, b := range v.Balancers {
		if !meant[string(b.Node)] {
			continue
		}
		known++
		if !b.InStep {
			out = append(out, toldBy(string(b.Node)+" is not in step", b.Reason))
		}
	}
	return out, known
}

// unchanged asks the record of samples.
func (s *Stage) unchanged(script.Cond) (finding, error) {
	for _, show := range s.shows {
		if c := show.news; c != nil {
			return finding{seen: fmt.Sprintf("%s went from %s to %s on %s", c.key, serverState(c.from), serverState(c.to), show.p.on.name)}, nil
		}
	}
	return finding{true, "nothing was changed"}, nil
}

func (s *Stage) clientLost(c script.Cond) (finding, error) {
	if s.client == nil {
		return finding{seen: "nobody asks"}, nil
	}
	return finding{s.client.failed > c.N, fmt.Sprintf("%d requests failed", s.client.failed)}, nil
}
