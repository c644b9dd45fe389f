// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// lookWithin bounds a look. What is not answered by then is not known.
const lookWithin = time.Second

// voice is what one node says.
type voice struct {
	node *fleet.Machine
	view cluster.View
	err  error // why it says nothing
}

// ask asks nodes, all at once, what they see.
func (s *Stage) ask(ctx context.Context, nodes ...*fleet.Machine) []voice {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	voices := make([]voice, len(nodes))
	var asking sync.WaitGroup
	for i, m := range nodes {
		voices[i].node = m
		if !s.runs(m.Supervisor) {
			voices[i].err = fmt.Errorf("%s: its Evenkeel does not run", m.Name)
			continue
		}
		asking.Go(func() {
			voices[i].view, voices[i].err = m.View(ctx)
			if ctx.Err() != nil {
				voices[i].err = fmt.Errorf("%s does not answer within %s", m.Name, lookWithin)
			}
		})
	}
	asking.Wait()
	return voices
}

// voices asks one node, or every one that runs.
func (s *Stage) voices(ctx context.Context, name string) ([]voice, error) {
	if name != "" {
		m, err := s.node(name)
		if err != nil {
			return nil, err
		}
		return s.ask(ctx, m), nil
	}
	var nodes []*fleet.Machine
	for _, m := range s.fleet.Nodes() {
		if s.runs(m.Supervisor) {
			nodes = append(nodes, m)
		}
	}
	return s.ask(ctx, nodes...), nil
}

// knowing asks one node, or of those that run the ones that have quorum: the others do not know.
func (s *Stage) knowing(ctx context.Context, name string) ([]voice, error) {
	voices, err := s.voices(ctx, name)
	if err != nil || name != "" {
		return voices, err
	}
	var out []voice
	for _, v := range voices {
		if v.err != nil || v.view.Quorum.Holds {
			out = append(out, v)
		}
	}
	return out, nil
}

// sample returns what the HAProxy of a machine says of its servers, asked for after the call.
func (s *Stage) sample(ctx context.Context, name string) (map[haproxy.Server]haproxy.State, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	states, err := s.watches[name].Look(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: its HAProxy does not answer: %w", name, err)
	}
	return states, nil
}

// shown is what one HAProxy shows.
type shown struct {
	node   *fleet.Machine
	states map[haproxy.Server]haproxy.State
	err    error // why it shows nothing
}

// samples asks the HAProxy of one machine, or every one that runs, all at once.
func (s *Stage) samples(ctx context.Context, name string) ([]shown, error) {
	if name != "" {
		if _, err := s.proxy(name); err != nil {
			return nil, err
		}
	}
	var out []shown
	for _, m := range s.fleet.Balancers() {
		runs := s.runs(m.Kept().Program)
		switch {
		case name == m.Name && !runs:
			out = append(out, shown{node: m, err: errors.New(m.Name + ": its HAProxy does not run")})
		case name == m.Name, name == "" && runs:
			out = append(out, shown{node: m})
		}
	}
	var asking sync.WaitGroup
	for i := range out {
		if out[i].err == nil {
			asking.Go(func() { out[i].states, out[i].err = s.sample(ctx, out[i].node.Name) })
		}
	}
	asking.Wait()
	return out, nil
}
