// SPDX-License-Identifier: Apache-2.0

package orders

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
)

// reason is the one that every order gives.
const reason = "the script asks for it"

// Node is the node that is asked, as far as an order depends on what it knows.
type Node interface {
	// Mode returns the mode of a node, if there is such a node.
	Mode(ctx context.Context, node cluster.NodeID) (mode cluster.Mode, known bool, err error)
	// Spec returns the cluster file in force, with its revision.
	Spec(ctx context.Context) (cluster.Spec, uint64, error)
}

// Body returns what an order asks a node for. It fails with script.ErrRefused if nothing is asked at all.
func Body(ctx context.Context, n Node, o script.Order) (cluster.Body, error) {
	switch o.Verb {
	case script.Drain:
		return setAdmin(o, cluster.AdminDrain)
	case script.Ready:
		return setAdmin(o, cluster.AdminReady)
	case script.Maint:
		return setAdmin(o, cluster.AdminMaint)
	case script.Standby:
		return setMode(o, cluster.ModeStandby), nil
	case script.Maintenance:
		return setMode(o, cluster.ModeMaintenance), nil
	case script.Unstandby:
		return endMode(ctx, n, o, cluster.ModeStandby)
	case script.Active:
		return endMode(ctx, n, o, cluster.ModeMaintenance)
	case script.Apply:
		return apply(ctx, n, o)
	case script.Move, script.Restart, script.Ban, script.Clear, script.Enable, script.Disable:
		return cluster.SetResource{Resource: o.Target, Verb: cluster.Verb(o.Verb), Node: cluster.NodeID(o.Node), Reason: reason}, nil
	}
	return nil, fmt.Errorf("there is no order %q", o.Verb)
}

func setAdmin(o script.Order, admin cluster.Admin) (cluster.Body, error) {
	id, err := cluster.ParseMemberID(o.Target)
	if err != nil {
		return nil, err
	}
	return cluster.SetMember{Member: id, Admin: admin, Deadline: cluster.Duration(o.Deadline), Reason: reason}, nil
}

func setMode(o script.Order, mode cluster.Mode) cluster.Body {
	return cluster.SetMode{Node: cluster.NodeID(o.Target), Mode: mode, Reason: reason}
}

// endMode ends a mode, and refuses as the command line does if the node is in another one.
func endMode(ctx context.Context, n Node, o script.Order, from cluster.Mode) (cluster.Body, error) {
	is, known, err := n.Mode(ctx, cluster.NodeID(o.Target))
	if err != nil {
		return nil, err
	}
	if known && is != from {
		return nil, fmt.Errorf("%w: node %s is not in %s, it is %s", script.ErrRefused, o.Target, from, is)
	}
	return setMode(o, cluster.ModeActive), nil
}

// apply changes one value of the cluster file in force.
func apply(ctx context.Context, n Node, o script.Order) (cluster.Body, error) {
	spec, revision, err := n.Spec(ctx)
	if err != nil {
		return nil, err
	}
	if len(spec.Pools) == 0 {
		return nil, errors.New("the cluster file has no pool")
	}
	spec.Pools = slices.Clone(spec.Pools) // what the node holds stays as it is
	if err := change(&spec.Pools[0], o.Target); err != nil {
		return nil, fmt.Errorf("apply %q: %w", o.Target, err)
	}
	return cluster.SetSpec{Spec: spec, IfRevision: &revision}, nil
}

// change changes one value of a pool, as "floor 2" asks for it.
func change(p *cluster.PoolSpec, target string) error {
	name, value, _ := strings.Cut(target, " ")
	switch name {
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
		if name == "deadline" {
			p.Drain.Deadline = cluster.Duration(d)
		} else {
			p.SlowStart = cluster.Duration(d)
		}
		return nil
	}
	return fmt.Errorf("there is no value %q to change", name)
}
