// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/orders"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
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
	err = s.place(ctx, m, o)
	s.tell(moments.OfOrder(at, string(m.name), o, err))
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

// place asks a node for what an order says.
func (s *Stage) place(ctx context.Context, m *machine, o script.Order) error {
	body, err := orders.Body(ctx, askedNode{m}, o)
	if err != nil {
		return err
	}
	if err := m.refuses(body); err != nil {
		return err
	}
	return s.submit(ctx, m, body)
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

// refuses tells why a node refuses by itself what it is asked for, as its API does.
func (m *machine) refuses(body cluster.Body) error {
	spec, _ := m.core.Spec()
	switch b := body.(type) {
	case cluster.SetMember:
		if !slices.ContainsFunc(spec.Members(), func(m cluster.Member) bool { return m.ID == b.Member }) {
			return fmt.Errorf("%w: there is no member %q", script.ErrRefused, b.Member)
		}
	case cluster.SetMode:
		if _, known := spec.Node(b.Node); !known {
			return fmt.Errorf("%w: there is no node %q", script.ErrRefused, b.Node)
		}
	case cluster.SetSpec:
		if problems := b.Spec.Validate(); len(problems) > 0 {
			return fmt.Errorf("%w: the cluster file is not right: %s", script.ErrRefused, problems[0])
		}
	case cluster.SetResource:
		return m.refusesMove(b)
	default:
		return fmt.Errorf("nobody can be asked for %T", body)
	}
	return nil
}

// refusesMove tells why a node refuses to move a resource to where it could not be held, as it sees it.
func (m *machine) refusesMove(b cluster.SetResource) error {
	if b.Verb != cluster.VerbMove {
		return nil
	}
	for _, r := range m.core.View(m.now()).Resources {
		for _, c := range r.Candidates {
			if r.Name == b.Resource && c.Node == b.Node && r.Holder != b.Node && c.Unfit != "" {
				return fmt.Errorf("%w: resource %s: %s", script.ErrRefused, r.Name, c.Unfit)
			}
		}
	}
	return nil
}

// askedNode is the node that an order is given to.
type askedNode struct{ *machine }

// Mode returns the mode of a node, if there is such a node.
func (n askedNode) Mode(_ context.Context, of cluster.NodeID) (mode cluster.Mode, known bool, err error) {
	spec, _ := n.core.Spec()
	_, known = spec.Node(of)
	return n.core.State().Node(of).Mode, known, nil
}

// Spec returns the cluster file in force, with its revision.
func (n askedNode) Spec(context.Context) (cluster.Spec, uint64, error) {
	spec, revision := n.core.Spec()
	return spec, revision, nil
}
