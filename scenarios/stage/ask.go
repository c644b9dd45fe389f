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
	"github.com/evenkeel-ha/evenkeel/scenarios/looks"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// lookWithin bounds a look. What is not answered by then is not known.
const lookWithin = time.Second

// ask asks nodes, all at once, what they see.
func (s *Stage) ask(ctx context.Context, nodes ...*fleet.Machine) []looks.Voice {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	voices := make([]looks.Voice, len(nodes))
	var asking sync.WaitGroup
	for i, m := range nodes {
		voices[i].Node = m.Name
		if !s.runs(m.Supervisor) {
			voices[i].Err = fmt.Errorf("%s: its Evenkeel does not run", m.Name)
			continue
		}
		asking.Go(func() {
			view, err := m.View(ctx)
			voices[i].Quorum, voices[i].View, voices[i].Err = view.Quorum, func() cluster.View { return view }, err
			if ctx.Err() != nil {
				voices[i].Err = fmt.Errorf("%s does not answer within %s", m.Name, lookWithin)
			}
		})
	}
	asking.Wait()
	return voices
}

// Voices asks one node, or every one that runs, all at once.
func (s sight) Voices(ctx context.Context, node string) ([]looks.Voice, error) {
	if node != "" {
		m, err := s.node(node)
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

// Proxies asks the HAProxy of one machine, or every one that runs, all at once.
func (s sight) Proxies(ctx context.Context, machine string) ([]looks.Proxy, error) {
	if machine != "" {
		if _, err := s.proxy(machine); err != nil {
			return nil, err
		}
	}
	var out []looks.Proxy
	for _, m := range s.fleet.Balancers() {
		runs := s.runs(m.Kept().Program)
		switch {
		case machine == m.Name && !runs:
			out = append(out, looks.Proxy{Machine: m.Name, Err: errors.New(m.Name + ": its HAProxy does not run")})
		case machine == m.Name, machine == "" && runs:
			out = append(out, looks.Proxy{Machine: m.Name})
		}
	}
	var asking sync.WaitGroup
	for i := range out {
		if out[i].Err == nil {
			asking.Go(func() { s.show(ctx, &out[i]) })
		}
	}
	asking.Wait()
	return out, nil
}

// show asks the HAProxy of a machine what it shows.
func (s sight) show(ctx context.Context, p *looks.Proxy) {
	states, err := s.sample(ctx, p.Machine)
	p.Err = err
	p.Server = func(member string) (moments.Server, bool) {
		state, known := states[serverOf(member)]
		return server(state), known
	}
}
