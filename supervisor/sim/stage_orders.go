// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
	// orderReason is the reason that every order gives.
	orderReason = "the script asks for it"
	// orderStep is how long is let pass between two looks for the answer to an order.
	orderStep = time.Millisecond
	// answerMost bounds the wait for an answer; a node that goes on gives one within submitWait.
	answerMost = submitWait + time.Second
)

// Order asks one node for something, as its API does, and waits for the answer. It fails with script.ErrRefused, and the
// product's words, when the node answers anything else than that it is done; also when it only cannot confirm it, as without a
// quorum. A node that does not answer at all is another failure.
func (s *Stage) Order(ctx context.Context, o script.Order) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	m, err := s.asked(o.At)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Verb, err)
	}
	at := s.act()
	s.w.say("ORDER", o.String())
	body, err := s.body(m, o)
	if err == nil {
		err = s.submit(ctx, m, body)
	}
	s.tellOrder(at, m, o, err)
	s.w.checks.kept()
	return errors.Join(err, s.broken())
}

// asked returns the node that is asked: the one that is named, or the first that runs.
func (s *Stage) asked(name string) (*machine, error) {
	if name != "" {
		m, err := s.node(name)
		if err == nil && !m.acts() {
			err = fmt.Errorf("%s: %w", name, errNoSupervisor)
		}
		return m, err
	}
	i := slices.IndexFunc(s.w.nodes, (*machine).acts)
	if i < 0 {
		return nil, errors.New("no node runs that could be asked")
	}
	return s.w.nodes[i], nil
}

// submit asks a node for something, and waits for the answer.
func (s *Stage) submit(ctx context.Context, m *machine, body cluster.Body) error {
	var got *core.Answer
	life, since := m.life, s.w.now
	s.w.ask(m, body, func(a core.Answer) { got = &a })
	for got == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case m.life != life:
			return fmt.Errorf("%s ended before it answered", m.name)
		case s.w.now-since > answerMost:
			return fmt.Errorf("%s does not answer within %s", m.name, answerMost)
		}
		if err := s.run(s.w.now + orderStep); err != nil {
			return err
		}
	}
	switch {
	case got.Err != nil:
		return fmt.Errorf("%w: the cluster did not confirm the change: %w (it may still take effect: look at evenkeel status before you ask again)",
			script.ErrRefused, got.Err)
	case got.Outcome.Result == cluster.Rejected:
		return fmt.Errorf("%w: %s (nothing was changed)", script.ErrRefused, got.Outcome.Reason)
	}
	return nil
}

// body returns the command of an order, or why the node refuses it by itself.
func (s *Stage) body(m *machine, o script.Order) (cluster.Body, error) {
	switch o.Verb {
	case script.Drain:
		return setAdmin(m, o, cluster.AdminDrain)
	case script.Ready:
		return setAdmin(m, o, cluster.AdminReady)
	case script.Maint:
		return setAdmin(m, o, cluster.AdminMaint)
	case script.Standby:
		return setMode(m, o, cluster.ModeStandby)
	case script.Maintenance:
		return setMode(m, o, cluster.ModeMaintenance)
	case script.Unstandby:
		return endMode(m, o, cluster.ModeStandby)
	case script.Active:
		return endMode(m, o, cluster.ModeMaintenance)
	case script.Apply:
		return apply(m, o)
	}
	return nil, fmt.Errorf("there is no order %q", o.Verb)
}

func setAdmin(m *machine, o script.Order, admin cluster.Admin) (cluster.Body, error) {
	id, err := cluster.ParseMemberID(o.Target)
	if err != nil {
		return nil, err
	}
	if spec, _ := m.core.Spec(); !slices.ContainsFunc(spec.Members(), func(m cluster.Member) bool { return m.ID == id }) {
		return nil, fmt.Errorf("%w: there is no member %q", script.ErrRefused, o.Target)
	}
	return cluster.SetMember{Member: id, Admin: admin, Deadline: cluster.Duration(o.Deadline), Reason: orderReason}, nil
}

func setMode(m *machine, o script.Order, mode cluster.Mode) (cluster.Body, error) {
	node := cluster.NodeID(o.Target)
	spec, _ := m.core.Spec()
	if _, known := spec.Node(node); !known {
		return nil, fmt.Errorf("%w: there is no node %q", script.ErrRefused, o.Target)
	}
	return cluster.SetMode{Node: node, Mode: mode, Reason: orderReason}, nil
}

// endMode ends a mode, and refuses as the command line does if the node is in another one.
func endMode(m *machine, o script.Order, from cluster.Mode) (cluster.Body, error) {
	if is := m.core.State().Node(cluster.NodeID(o.Target)).Mode; is != from {
		return nil, fmt.Errorf("%w: node %s is not in %s, it is %s", script.ErrRefused, o.Target, from, is)
	}
	return setMode(m, o, cluster.ModeActive)
}

// apply changes one value of the cluster file in force, on condition that nobody else has changed it.
func apply(m *machine, o script.Order) (cluster.Body, error) {
	spec, revision := m.core.Spec()
	if len(spec.Pools) == 0 {
		return nil, errors.New("the cluster file has no pool")
	}
	spec.Pools = slices.Clone(spec.Pools)
	if err := change(&spec.Pools[0], o.Target); err != nil {
		return nil, fmt.Errorf("apply %q: %w", o.Target, err)
	}
	if problems := spec.Validate(); len(problems) > 0 {
		return nil, fmt.Errorf("%w: the cluster file is not right: %s", script.ErrRefused, problems[0])
	}
	return cluster.SetSpec{Spec: spec, IfRevision: &revision}, nil
}

// change changes one value of a pool, as "floor 2" asks for it.
func change(p *cluster.PoolSpec, target string) error {
	name, value, _ := strings.Cut(target, " ")
	if name == "floor" {
		floor, err := strconv.Atoi(value)
		p.Drain.Floor = &floor
		return err
	}
	d, err := time.ParseDuration(value)
	switch name {
	case "deadline":
		p.Drain.Deadline = cluster.Duration(d)
	case "slow-start":
		p.SlowStart = cluster.Duration(d)
	default:
		return fmt.Errorf("there is no value %q to change", name)
	}
	return err
}
