// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/orders"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Order asks for something through the API of one node, as the command line does. It fails with script.ErrRefused when the
// node answers anything else than that it is done; also when it only cannot confirm it, as without a quorum: the text says
// so. A node that does not answer at all is another failure.
func (s *Stage) Order(ctx context.Context, o script.Order) error {
	m, err := s.asked(o.At)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Verb, err)
	}
	at := s.diary.act(s.Now())
	err = place(ctx, m, o)
	if refusal, ok := errors.AsType[*api.Error](err); ok && refusal.Status != 0 {
		words := refusal.Message
		if refusal.Hint != "" {
			words += " (" + refusal.Hint + ")"
		}
		err = fmt.Errorf("%w: %s", script.ErrRefused, words)
	}
	s.diary.tell(moments.OfOrder(at, m.Name, o, err))
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

// place sends what an order asks for.
func place(ctx context.Context, m *fleet.Machine, o script.Order) error {
	body, err := orders.Body(ctx, askedNode{m}, o)
	if err != nil {
		return err
	}
	switch body := body.(type) {
	case cluster.SetMember:
		_, err = m.API.SetAdmin(ctx, body)
	case cluster.SetMode:
		_, err = m.API.SetMode(ctx, body)
	case cluster.SetResource:
		_, err = m.API.SetResource(ctx, body.Resource, api.ResourceRequest{Verb: body.Verb, Node: body.Node, Reason: body.Reason})
	case cluster.SetSpec:
		_, err = m.API.Apply(ctx, api.ApplyRequest{Spec: body.Spec, IfRevision: body.IfRevision})
	default:
		err = fmt.Errorf("stage: nobody can be asked for %T", body)
	}
	return err
}

// askedNode is the node that an order is given to.
type askedNode struct{ *fleet.Machine }

// Mode returns the mode of a node, if there is such a node.
func (n askedNode) Mode(ctx context.Context, of cluster.NodeID) (mode cluster.Mode, known bool, err error) {
	view, err := n.API.Status(ctx)
	if err != nil {
		return "", false, err
	}
	i := slices.IndexFunc(view.Nodes, func(v cluster.NodeView) bool { return v.Name == of })
	if i < 0 {
		return "", false, nil
	}
	return view.Nodes[i].Mode, true, nil
}

// Spec returns the cluster file in force, with its revision.
func (n askedNode) Spec(ctx context.Context) (cluster.Spec, uint64, error) {
	answer, err := n.API.Spec(ctx)
	return answer.Spec, answer.Revision, err
}
