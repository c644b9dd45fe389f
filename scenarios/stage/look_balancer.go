// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// stateOf tells what a server's state means for a member: it serves when HAProxy sends it new requests, it is out when it is
// in maint, and drained when neither is so.
func stateOf(s haproxy.State) script.State {
	switch {
	case s.InRotation():
		return script.StateServes
	case s.String() == "MAINT":
		return script.StateOut
	default:
		return script.StateDrained
	}
}

func (s *Stage) memberIs(ctx context.Context, c script.Cond) (finding, error) {
	all, err := s.samples(ctx, c.On)
	if err != nil {
		return finding{}, err
	}
	server, last := serverOf(c.Target), finding{seen: "no HAProxy runs"}
	for _, one := range all {
		if one.err != nil {
			return finding{seen: one.err.Error()}, nil //nolint:nilerr // nobody knows, which holds for no condition
		}
		state, known := one.states[server]
		if !known {
			return finding{}, fmt.Errorf("stage: the HAProxy of %s has no server %s", one.node.Name, server)
		}
		last = finding{string(stateOf(state)) == c.State, fmt.Sprintf("%s is %s on %s", c.Target, state, one.node.Name)}
		if !last.holds {
			return last, nil
		}
	}
	return last, nil
}

func (s *Stage) inStep(ctx context.Context, c script.Cond) (finding, error) {
	return s.steps(ctx, c.On, func(out []string) bool { return len(out) == 0 })
}

// notInStep holds when at least one of the balancers is not in step, for each node that is asked.
func (s *Stage) notInStep(ctx context.Context, c script.Cond) (finding, error) {
	return s.steps(ctx, c.On, func(out []string) bool { return len(out) > 0 })
}

// steps judges which balancers are not in step, as the nodes that know tell it: of one node, or of all that run.
func (s *Stage) steps(ctx context.Context, on string, accept func(out []string) bool) (finding, error) {
	if on != "" {
		if _, err := s.proxy(on); err != nil {
			return finding{}, err
		}
	}
	meant := map[string]bool{}
	for _, m := range s.fleet.Balancers() {
		if m.Name == on || on == "" && s.runs(m.Supervisor) {
			meant[m.Name] = true
		}
	}
	if len(meant) == 0 {
		return finding{seen: "no node with a balancer runs"}, nil
	}
	voices, err := s.knowing(ctx, "")
	return every(voices, nobodyKnows, func(v cluster.View) finding {
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

// unchanged asks the record of samples. A change of which the samples cannot tell whether it came before or after the last
// fault or order counts as one.
func (s *Stage) unchanged(ctx context.Context, _ script.Cond) (finding, error) {
	all, err := s.samples(ctx, "") // the record is complete up to here
	if err != nil {
		return finding{}, err
	}
	for _, one := range all {
		if one.err != nil {
			return finding{seen: one.err.Error()}, nil //nolint:nilerr // nobody knows, which holds for no condition
		}
	}
	since := s.start.Add(s.diary.lastAct())
	for _, m := range s.fleet.Balancers() {
		for _, c := range s.watches[m.Name].Changes() {
			if c.At.After(since) {
				return finding{seen: fmt.Sprintf("%s went from %s to %s on %s", c.Server, c.From, c.To, m.Name)}, nil
			}
		}
	}
	return finding{true, "nothing was changed"}, nil
}

func (s *Stage) clientLost(_ context.Context, c script.Cond) (finding, error) {
	if s.load == nil {
		return finding{seen: "nobody asks"}, nil
	}
	totals := s.load.Counters()
	lost := totals.Failed - s.lostBefore
	return finding{lost > int64(c.N), fmt.Sprintf("%d requests failed", lost)}, nil
}
