// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// orderReason is the reason that every order gives.
const orderReason = "the script asks for it"

// Order asks for something through the API of one node, as the command line does. It fails with script.ErrRefused when the
// node answers anything else than that it is done; also when it only cannot confirm it, as without a quorum: the text says
// so. A node that does not answer at all is another failure.
func (s *Stage) Order(ctx context.Context, o script.Order) error {
	m, err := s.asked(o.At)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Verb, err)
	}
	at := s.diary.act(s.Now())
	err = s.place(ctx, m, o)
	if refusal, ok := errors.AsType[*api.Error](err); ok && refusal.Status != 0 {
		words := refusal.Message
		if refusal.Hint != "" {
			words += " (" + refusal.Hint + ")"
		}
		err = fmt.Errorf("%w: %s", script.ErrRefused, words)
	}
	s.tellOrder(at, m, o, err)
	return err
}

// asked returns the node that is asked: the one that is named, or the first that runs.
func (s *Stage) asked(name string) (*fleet.Machine, error) {
	if name != "" {
		return s.node(name)
	}
	for _, m := range s.fleet.Nodes() {
		if s.runs(m.Supervisor) {
			return m, nil
		}
	}
	return nil, errors.New("stage: no node runs that could be asked")
}

func (s *Stage) place(ctx context.Context, m *fleet.Machine, o script.Order) error {
	switch o.Verb {
	case script.Drain:
		return setAdmin(ctx, m, o, cluster.AdminDrain)
	case script.Ready:
		return setAdmin(ctx, m, o, cluster.AdminReady)
	case script.Maint:
		return setAdmin(ctx, m, o, cluster.AdminMaint)
	case script.Standby:
		return setMode(ctx, m, o, cluster.ModeStandby)
	case script.Maintenance:
		return setMode(ctx, m, o, cluster.ModeMaintenance)
	case script.Unstandby:
		return endMode(ctx, m, o, cluster.ModeStandby)
	case script.Active:
		return endMode(ctx, m, o, cluster.ModeMaintenance)
	case script.Apply:
		return apply(ctx, m, o)
	}
	return fmt.Errorf("stage: there is no order %q", o.Verb)
}

func setAdmin(ctx context.Context, m *fleet.Machine, o script.Order, admin cluster.Admin) error {
	id, err := cluster.ParseMemberID(o.Target)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	_, err = m.API.SetAdmin(ctx, cluster.SetMember{
		Member: id, Admin: admin, Deadline: cluster.Duration(o.Deadline), Reason: orderReason,
	})
	return err
}

func setMode(ctx context.Context, m *fleet.Machine, o script.Order, mode cluster.Mode) error {
	_, err := m.API.SetMode(ctx, cluster.SetMode{Node: cluster.NodeID(o.Target), Mode: mode, Reason: orderReason})
	return err
}

// endMode ends a mode, and refuses as the command line does if the node is in another one.
func endMode(ctx context.Context, m *fleet.Machine, o script.Order, from cluster.Mode) error {
	view, err := m.API.Status(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(view.Nodes, func(n cluster.NodeView) bool { return string(n.Name) == o.Target })
	if i >= 0 && view.Nodes[i].Mode != from {
		return fmt.Errorf("%w: node %s is not in %s, it is %s", script.ErrRefused, o.Target, from, view.Nodes[i].Mode)
	}
	return setMode(ctx, m, o, cluster.ModeActive)
}

// apply changes one value of the cluster file in force, and applies it on condition that nobody else has changed it.
func apply(ctx context.Context, m *fleet.Machine, o script.Order) error {
	answer, err := m.API.Spec(ctx)
	if err != nil {
		return err
	}
	if len(answer.Spec.Pools) == 0 {
		return errors.New("stage: the cluster file has no pool")
	}
	if err := change(&answer.Spec.Pools[0], o.Target); err != nil {
		return fmt.Errorf("stage: apply %q: %w", o.Target, err)
	}
	_, err = m.API.Apply(ctx, api.ApplyRequest{Spec: answer.Spec, IfRevision: &answer.Revision})
	return err
}

// change changes one value of a pool, as "floor 2" asks for it.
func change(p *cluster.PoolSpec, target string) error {
	key, value, _ := strings.Cut(target, " ")
	switch key {
	case "floor":
		floor, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		p.Drain.Floor = &floor
		return nil
	case "deadline", "slow-start":
		d, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		if key == "deadline" {
			p.Drain.Deadline = cluster.Duration(d)
		} else {
			p.SlowStart = cluster.Duration(d)
		}
		return nil
	}
	return fmt.Errorf("there is no value %q to change", key)
}
